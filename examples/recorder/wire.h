/* The types of docs/protocol.md, section 2: writing them to a buffer and reading them from one. */
#ifndef WIRE_H
#define WIRE_H

#include <stddef.h>
#include <stdint.h>

/* A message being written. It grows as needed; free with writer_free. */
typedef struct {
    uint8_t *data;
    size_t size, room;
} writer_t;

void put_bytes(writer_t *w, const void *data, size_t size);
void put_unsigned(writer_t *w, uint64_t value, int bytes);
void put_f64(writer_t *w, double value);
void put_text(writer_t *w, const char *text);

/* A structure inside a message has its size before it: write the fields between begin and end. */
size_t begin_structure(writer_t *w);
void end_structure(writer_t *w, size_t begun);

void writer_free(writer_t *w);

/* A message being read. After the first read beyond its end all reads give 0 and failed is set. */
typedef struct {
    const uint8_t *data;
    size_t size, at;
    int failed;
} reader_t;

uint64_t get_unsigned(reader_t *r, int bytes);
const uint8_t *get_bytes(reader_t *r, size_t size); /* NULL if there are not so many */
void get_text(reader_t *r, char *text, size_t room); /* cut off where room ends */
int at_end(const reader_t *r);

#endif
