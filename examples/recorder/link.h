/* A connection to the server: frames out, frames in. docs/protocol.md, sections 3, 6 and 9. */
#ifndef LINK_H
#define LINK_H

#include "wire.h"

enum {
    HELLO = 0x0001,
    LOGIN = 0x0002,
    UPLOAD_BEGIN = 0x0010,
    UPLOAD_CHUNK = 0x0011,
    UPLOAD_COMMIT = 0x0012
};

/* How a request ended. */
typedef enum {
    ANSWERED,   /* the reply is in link->reply */
    REFUSED,    /* the server's error is in link->error */
    BROKEN,     /* the connection is gone; why is in link->why */
    NOT_SPOKEN  /* what came is not the protocol; why is in link->why */
} outcome_t;

typedef struct {
    int socket;
    uint32_t last_id;
    uint8_t *payload;   /* of the last frame received */
    reader_t reply;
    struct {
        unsigned code;
        char field[128], text_en[512], text_ru[1024];
        unsigned long retry_after;
        uint64_t detail;
    } error;
    char why[256];
} link_t;

/* Connect; BROKEN if nobody answers. */
outcome_t link_open(link_t *link, const char *host, const char *port);

/* Send a request and wait for its reply. */
outcome_t link_ask(link_t *link, unsigned type, const writer_t *message);

/* Send a request's header and at most limit bytes of its message, as if the line were about to break. */
outcome_t link_send_part(link_t *link, unsigned type, const writer_t *message, size_t limit);

/* Close; with reset as a broken line would: the server may lose what it has not read. */
void link_close(link_t *link, int reset);

#endif
