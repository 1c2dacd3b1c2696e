/* CRC-32C and SHA-256, as docs/protocol.md, section 4, asks for. */
#ifndef CHECKSUMS_H
#define CHECKSUMS_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C of what came before (crc; 0 at the start) and of data. */
uint32_t crc32c(uint32_t crc, const uint8_t *data, size_t size);

typedef struct {
    uint32_t state[8];
    uint64_t size;       /* bytes so far */
    uint8_t block[64];   /* the begun block */
} sha256_t;

void sha256_begin(sha256_t *sha);
void sha256_add(sha256_t *sha, const uint8_t *data, size_t size);
void sha256_end(sha256_t *sha, uint8_t digest[32]);

#endif
