#define _POSIX_C_SOURCE 200809L

#include "link.h"

#include "checksums.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

enum { HEADER_SIZE = 24, REPLY = 1, ERROR = 2, PUSH = 4, REPLY_SECONDS = 60 };

static const uint8_t MAGIC[4] = {0x89, 0x45, 0x43, 0x47};
static const uint32_t MAX_PAYLOAD = 1 << 20; /* none of the replies a recorder gets is as long as that */

typedef struct {
    unsigned flags, type;
    uint32_t id;
} frame_t;

static outcome_t broken(link_t *link, const char *what)
{
    const char *cause = errno == EAGAIN || errno == EWOULDBLOCK ? "no answer in time" : strerror(errno);

    snprintf(link->why, sizeof link->why, "%s: %s", what, errno ? cause : "closed by the server");
    return BROKEN;
}

static outcome_t not_spoken(link_t *link, const char *why)
{
    snprintf(link->why, sizeof link->why, "%s", why);
    return NOT_SPOKEN;
}

outcome_t link_open(link_t *link, const char *host, const char *port)
{
    struct addrinfo hints, *found, *address;
    struct timeval patience = {REPLY_SECONDS, 0};
    int failed;

    memset(link, 0, sizeof *link);
    link->socket = -1;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    failed = getaddrinfo(host, port, &hints, &found);
    if (failed) {
        snprintf(link->why, sizeof link->why, "address: %s", gai_strerror(failed));
        return BROKEN;
    }
    for (address = found; address; address = address->ai_next) {
        link->socket = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
        if (link->socket < 0)
            continue;
        if (connect(link->socket, address->ai_addr, address->ai_addrlen) == 0)
            break;
        failed = errno;
        close(link->socket);
        link->socket = -1;
        errno = failed;
    }
    freeaddrinfo(found);
    if (link->socket < 0)
        return broken(link, "connect");
    setsockopt(link->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(link->socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return ANSWERED;
}

static outcome_t send_all(link_t *link, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(link->socket, data, size, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return broken(link, "send");
        data += sent;
        size -= (size_t)sent;
    }
    return ANSWERED;
}

static outcome_t receive_all(link_t *link, uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t received = recv(link->socket, data, size, 0);

        if (received < 0 && errno == EINTR)
            continue;
        if (received <= 0) {
            if (received == 0)
                errno = 0;
            return broken(link, "receive");
        }
        data += received;
        size -= (size_t)received;
    }
    return ANSWERED;
}

static void put_header(writer_t *w, unsigned type, uint32_t id, const writer_t *message)
{
    put_bytes(w, MAGIC, sizeof MAGIC);
    put_unsigned(w, 1, 1); /* version */
    put_unsigned(w, 0, 1); /* flags: a request */
    put_unsigned(w, type, 2);
    put_unsigned(w, id, 4);
    put_unsigned(w, message->size, 4);
    put_unsigned(w, crc32c(0, message->data, message->size), 4);
    put_unsigned(w, crc32c(0, w->data, 20), 4);
}

outcome_t link_send_part(link_t *link, unsigned type, const writer_t *message, size_t limit)
{
    writer_t frame = {NULL, 0, 0};
    outcome_t outcome;

    put_header(&frame, type, ++link->last_id, message);
    put_bytes(&frame, message->data, message->size);
    outcome = send_all(link, frame.data, HEADER_SIZE + (message->size < limit ? message->size : limit));
    writer_free(&frame);
    return outcome;
}

static outcome_t receive_frame(link_t *link, frame_t *frame)
{
    uint8_t header[HEADER_SIZE], *payload;
    reader_t r = {header, HEADER_SIZE, sizeof MAGIC, 0};
    uint32_t length, payload_crc;
    unsigned version;
    outcome_t outcome = receive_all(link, header, sizeof header);

    if (outcome != ANSWERED)
        return outcome;
    version = (unsigned)get_unsigned(&r, 1);
    frame->flags = (unsigned)get_unsigned(&r, 1);
    frame->type = (unsigned)get_unsigned(&r, 2);
    frame->id = (uint32_t)get_unsigned(&r, 4);
    length = (uint32_t)get_unsigned(&r, 4);
    payload_crc = (uint32_t)get_unsigned(&r, 4);
    if (memcmp(header, MAGIC, sizeof MAGIC) != 0)
        return not_spoken(link, "this is not a Cardioserver");
    if (crc32c(0, header, 20) != get_unsigned(&r, 4))
        return not_spoken(link, "a header was damaged");
    if (version != 1)
        return not_spoken(link, "a frame of another version");
    if (length > MAX_PAYLOAD)
        return not_spoken(link, "a frame that is too long for a recorder");
    payload = realloc(link->payload, length ? length : 1);
    if (!payload)
        return not_spoken(link, "out of memory");
    link->payload = payload;
    outcome = receive_all(link, payload, length);
    if (outcome != ANSWERED)
        return outcome;
    if (crc32c(0, payload, length) != payload_crc)
        return not_spoken(link, "a payload was damaged");
    link->reply.data = payload;
    link->reply.size = length;
    link->reply.at = 0;
    link->reply.failed = 0;
    return ANSWERED;
}

static outcome_t read_error(link_t *link)
{
    reader_t *r = &link->reply;

    link->error.code = (unsigned)get_unsigned(r, 2);
    get_text(r, link->error.field, sizeof link->error.field);
    get_text(r, link->error.text_en, sizeof link->error.text_en);
    get_text(r, link->error.text_ru, sizeof link->error.text_ru);
    link->error.retry_after = at_end(r) ? 0 : (unsigned long)get_unsigned(r, 4);
    link->error.detail = at_end(r) ? 0 : get_unsigned(r, 8);
    return r->failed ? not_spoken(link, "an error that cannot be read") : REFUSED;
}

outcome_t link_ask(link_t *link, unsigned type, const writer_t *message)
{
    frame_t frame;
    outcome_t sent, outcome;

    /* If sending fails the server may have said why before it closed: look for that first. */
    sent = link_send_part(link, type, message, (size_t)-1);
    for (;;) {
        outcome = receive_frame(link, &frame);
        if (outcome != ANSWERED)
            return outcome;
        if (frame.flags == PUSH)
            continue;
        if (frame.flags == (REPLY | ERROR) && (frame.id == 0 || frame.id == link->last_id))
            return read_error(link);
        if (sent != ANSWERED)
            return sent;
        if (frame.flags == REPLY && frame.id == link->last_id && frame.type == type)
            return ANSWERED;
        return not_spoken(link, "a reply to something that was not asked");
    }
}

void link_close(link_t *link, int reset)
{
    struct linger linger = {1, 0};

    if (link->socket >= 0) {
        if (reset)
            setsockopt(link->socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        close(link->socket);
    }
    link->socket = -1;
    free(link->payload);
    link->payload = NULL;
}
