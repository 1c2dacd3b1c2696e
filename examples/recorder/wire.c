#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void make_room(writer_t *w, size_t size)
{
    uint8_t *data;
    size_t room = w->room ? w->room : 256;

    while (room - w->size < size)
        room *= 2;
    if (room == w->room)
        return;
    data = realloc(w->data, room);
    if (!data) {
        fputs("recorder: out of memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    w->data = data;
    w->room = room;
}

void put_bytes(writer_t *w, const void *data, size_t size)
{
    make_room(w, size);
    if (size)
        memcpy(w->data + w->size, data, size);
    w->size += size;
}

void put_unsigned(writer_t *w, uint64_t value, int bytes)
{
    uint8_t little[8];
    int i;

    for (i = 0; i < bytes; i++)
        little[i] = (uint8_t)(value >> (8 * i));
    put_bytes(w, little, (size_t)bytes);
}

void put_f64(writer_t *w, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    put_unsigned(w, bits, 8);
}

void put_text(writer_t *w, const char *text)
{
    size_t size = strlen(text);

    if (size > 65535)
        size = 65535;
    put_unsigned(w, size, 2);
    put_bytes(w, text, size);
}

size_t begin_structure(writer_t *w)
{
    put_unsigned(w, 0, 4);
    return w->size;
}

void end_structure(writer_t *w, size_t begun)
{
    size_t size = w->size - begun;
    int i;

    for (i = 0; i < 4; i++)
        w->data[begun - 4 + (size_t)i] = (uint8_t)(size >> (8 * i));
}

void writer_free(writer_t *w)
{
    free(w->data);
    memset(w, 0, sizeof *w);
}

const uint8_t *get_bytes(reader_t *r, size_t size)
{
    const uint8_t *data = r->data + r->at;

    if (r->failed || size > r->size - r->at) {
        r->failed = 1;
        return NULL;
    }
    r->at += size;
    return data;
}

uint64_t get_unsigned(reader_t *r, int bytes)
{
    const uint8_t *data = get_bytes(r, (size_t)bytes);
    uint64_t value = 0;
    int i;

    for (i = 0; data && i < bytes; i++)
        value |= (uint64_t)data[i] << (8 * i);
    return value;
}

void get_text(reader_t *r, char *text, size_t room)
{
    size_t size = (size_t)get_unsigned(r, 2);
    const uint8_t *data = get_bytes(r, size);

    if (!data)
        size = 0;
    if (size > room - 1)
        size = room - 1;
    if (data)
        memcpy(text, data, size);
    text[size] = '\0';
}

int at_end(const reader_t *r)
{
    return r->at == r->size;
}
