/* A recorder: sends one ECG to a Cardioserver in chunks, and resumes where a broken connection left off.
 * Everything it knows of the server is in docs/protocol.md. README.md says how to build and run it. */
#define _POSIX_C_SOURCE 200809L

#include "checksums.h"
#include "link.h"
#include "wire.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

/* Exit codes. */
enum {
    STORED = 0,    /* the exam is durable in the archive */
    USAGE = 2,     /* wrong arguments, or a file that cannot be read */
    OFFLINE = 3,   /* no connection, or it broke: run again */
    DENIED = 4,    /* the server refused: the text says why */
    STOPPED = 5,   /* --stop-after: run again to resume */
    NOT_A_SERVER = 6 /* what answers does not speak the protocol */
};

enum { MAX_LEADS = 32, BYTES_PER_SAMPLE = 2, CAPABILITY_RESUME = 1, RECEIVING = 1, UPLOAD_STORED = 2 };
enum { UPLOAD_OFFSET = 131 }; /* an error code */

typedef struct {
    const char *host, *port, *login, *password_file, *uuid_text, *file;
    const char *number, *family_name, *device_number;
    uint8_t uuid[16];
    unsigned leads[MAX_LEADS];
    size_t lead_count;
    double rate, resolution;
    uint64_t chunk, stop_after;
    int stops;
} options_t;

typedef struct {
    FILE *file;
    uint64_t size;          /* bytes of samples */
    uint64_t sample_count;  /* of each lead */
    int64_t started_at, ended_at; /* microseconds since 1970 */
    uint8_t digest[32];
} ecg_t;

static const struct {
    const char *name;
    unsigned code;
} LEADS[] = {
    {"I", 1}, {"II", 2}, {"V1", 3}, {"V2", 4}, {"V3", 5}, {"V4", 6}, {"V5", 7}, {"V6", 8},
    {"III", 61}, {"aVR", 62}, {"aVL", 63}, {"aVF", 64},
};

static int use(void)
{
    fputs("usage: recorder --host HOST --port PORT --login LOGIN --password-file FILE --uuid UUID [option ...] file.raw\n"
          "  file.raw             16-bit little-endian samples, lead after lead\n"
          "  --uuid UUID          of the exam: the same each time this exam is sent\n"
          "  --leads I,II,...     default: I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6\n"
          "  --rate HZ            default: 500\n"
          "  --resolution UV      microvolts per count, default: 1\n"
          "  --number TEXT        the patient's number at the hospital\n"
          "  --family-name TEXT   the patient's family name\n"
          "  --device TEXT        serial number of this recorder\n"
          "  --chunk BYTES        of samples in one message, default: 65536\n"
          "  --stop-after BYTES   break the connection after so many bytes of samples\n",
          stderr);
    return USAGE;
}

/* ------------------------------------------------------------------ arguments */

static int parse_uuid(const char *text, uint8_t uuid[16])
{
    int digits = 0;

    memset(uuid, 0, 16);
    for (; *text; text++) {
        const char *hex = "0123456789abcdef", *digit;

        if (*text == '-')
            continue;
        digit = strchr(hex, tolower((unsigned char)*text));
        if (!digit || digits == 32)
            return 0;
        uuid[digits / 2] = (uint8_t)(uuid[digits / 2] << 4 | (digit - hex));
        digits++;
    }
    return digits == 32;
}

static int parse_leads(const char *text, options_t *o)
{
    o->lead_count = 0;
    while (*text) {
        size_t length = strcspn(text, ","), i;

        for (i = 0; i < sizeof LEADS / sizeof LEADS[0]; i++)
            if (strlen(LEADS[i].name) == length && strncasecmp(LEADS[i].name, text, length) == 0)
                break;
        if (i == sizeof LEADS / sizeof LEADS[0] || o->lead_count == MAX_LEADS)
            return 0;
        o->leads[o->lead_count++] = LEADS[i].code;
        text += length;
        if (*text == ',')
            text++;
    }
    return o->lead_count > 0;
}

static int parse_number(const char *text, uint64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, 10);
    return isdigit((unsigned char)*text) && !*end && !errno;
}

static int parse_option(const char *name, const char *value, options_t *o)
{
    char *end = "";

    if (strcmp(name, "--host") == 0)
        o->host = value;
    else if (strcmp(name, "--port") == 0)
        o->port = value;
    else if (strcmp(name, "--login") == 0)
        o->login = value;
    else if (strcmp(name, "--password-file") == 0)
        o->password_file = value;
    else if (strcmp(name, "--number") == 0)
        o->number = value;
    else if (strcmp(name, "--family-name") == 0)
        o->family_name = value;
    else if (strcmp(name, "--device") == 0)
        o->device_number = value;
    else if (strcmp(name, "--uuid") == 0)
        return parse_uuid(o->uuid_text = value, o->uuid);
    else if (strcmp(name, "--leads") == 0)
        return parse_leads(value, o);
    else if (strcmp(name, "--rate") == 0)
        return (o->rate = strtod(value, &end)) > 0 && !*end;
    else if (strcmp(name, "--resolution") == 0)
        return (o->resolution = strtod(value, &end)) > 0 && !*end;
    else if (strcmp(name, "--chunk") == 0)
        return parse_number(value, &o->chunk) && o->chunk > 0;
    else if (strcmp(name, "--stop-after") == 0)
        return o->stops = parse_number(value, &o->stop_after);
    else
        return 0;
    return 1;
}

static int parse_arguments(int count, char **arguments, options_t *o)
{
    int i;

    memset(o, 0, sizeof *o);
    o->number = o->family_name = o->device_number = "";
    o->rate = 500;
    o->resolution = 1;
    o->chunk = 65536;
    parse_leads("I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6", o);
    for (i = 1; i < count; i++) {
        if (strncmp(arguments[i], "--", 2) != 0) {
            if (o->file)
                return 0;
            o->file = arguments[i];
        } else if (i + 1 == count || !parse_option(arguments[i], arguments[i + 1], o)) {
            fprintf(stderr, "recorder: %s: missing or wrong\n", arguments[i]);
            return 0;
        } else {
            i++;
        }
    }
    return o->host && o->port && o->login && o->password_file && o->uuid_text && o->file;
}

static int read_password(const char *path, char *password, size_t room)
{
    FILE *file = fopen(path, "r");
    int read = file && fgets(password, (int)room, file);

    if (file)
        fclose(file);
    if (!read) {
        fprintf(stderr, "recorder: %s: %s\n", path, errno ? strerror(errno) : "empty");
        return 0;
    }
    password[strcspn(password, "\r\n")] = '\0';
    return 1;
}

/* ------------------------------------------------------------------ the ECG */

static int read_ecg(const options_t *o, ecg_t *ecg)
{
    uint8_t buffer[65536];
    size_t lead_bytes = o->lead_count * BYTES_PER_SAMPLE, size;
    struct stat status;
    sha256_t sha;

    ecg->size = 0;
    ecg->file = fopen(o->file, "rb");
    if (!ecg->file || fstat(fileno(ecg->file), &status) != 0) {
        fprintf(stderr, "recorder: %s: %s\n", o->file, strerror(errno));
        return 0;
    }
    sha256_begin(&sha);
    while ((size = fread(buffer, 1, sizeof buffer, ecg->file)) > 0) {
        sha256_add(&sha, buffer, size);
        ecg->size += size;
    }
    sha256_end(&sha, ecg->digest);
    if (ferror(ecg->file) || ecg->size == 0 || ecg->size % lead_bytes != 0) {
        fprintf(stderr, "recorder: %s: not a whole number of samples of %lu leads\n", o->file,
                (unsigned long)o->lead_count);
        return 0;
    }
    ecg->sample_count = ecg->size / lead_bytes;
    /* The file was written when the recording ended. */
    ecg->ended_at = (int64_t)status.st_mtime * 1000000;
    ecg->started_at = ecg->ended_at - (int64_t)((double)ecg->sample_count / o->rate * 1e6);
    return 1;
}

static int read_samples(const ecg_t *ecg, uint64_t offset, uint8_t *data, size_t size)
{
    if (fseeko(ecg->file, (off_t)offset, SEEK_SET) == 0 && fread(data, 1, size, ecg->file) == size)
        return 1;
    fputs("recorder: the file has become shorter\n", stderr);
    return 0;
}

/* Minutes that local time is ahead of UTC at that time. */
static int offset_minutes(int64_t microseconds)
{
    time_t seconds = (time_t)(microseconds / 1000000);
    struct tm local, utc;
    int days;

    localtime_r(&seconds, &local);
    gmtime_r(&seconds, &utc);
    days = local.tm_year != utc.tm_year ? local.tm_year - utc.tm_year : local.tm_yday - utc.tm_yday;
    return (days * 24 + local.tm_hour - utc.tm_hour) * 60 + local.tm_min - utc.tm_min;
}

/* ------------------------------------------------------------------ messages */

static void put_time(writer_t *w, int64_t microseconds)
{
    put_unsigned(w, (uint64_t)microseconds, 8);
    put_unsigned(w, (uint64_t)(int64_t)offset_minutes(microseconds), 2);
}

static void put_patient(writer_t *w, const options_t *o)
{
    size_t patient = begin_structure(w);

    put_text(w, o->number);
    put_unsigned(w, 0, 2); /* sex: not known */
    put_unsigned(w, 0, 1); /* birthday: none */
    put_text(w, o->family_name);
    end_structure(w, patient); /* the other fields take their defaults */
}

static void put_exam(writer_t *w, const options_t *o, const ecg_t *ecg)
{
    size_t exam = begin_structure(w);

    put_bytes(w, o->uuid, sizeof o->uuid);
    put_patient(w, o);
    put_time(w, ecg->started_at);
    put_time(w, ecg->ended_at);
    put_unsigned(w, 1, 2); /* exam_type: standard */
    put_unsigned(w, 1, 2); /* method: ECG at rest */
    put_unsigned(w, 0, 1); /* height_cm: none */
    put_unsigned(w, 0, 1); /* weight_kg: none */
    put_unsigned(w, 0, 1); /* age_years: none */
    put_text(w, "");       /* comment */
    put_unsigned(w, 0, 1); /* archive_id: the default archive */
    put_text(w, o->device_number);
    end_structure(w, exam); /* the other fields take their defaults */
}

static void put_signal(writer_t *w, const options_t *o, const ecg_t *ecg)
{
    size_t signal = begin_structure(w), i;

    put_f64(w, o->rate);
    put_unsigned(w, o->lead_count, 2);
    for (i = 0; i < o->lead_count; i++)
        put_unsigned(w, o->leads[i], 2);
    put_unsigned(w, o->lead_count, 2);
    for (i = 0; i < o->lead_count; i++)
        put_f64(w, o->resolution);
    put_unsigned(w, 8 * BYTES_PER_SAMPLE, 1);
    put_unsigned(w, ecg->sample_count, 8);
    end_structure(w, signal); /* no marks, filters unknown */
}

/* ------------------------------------------------------------------ the conversation */

/* Tell a person how a request ended that was not answered, and choose the exit code. */
static int explain(const link_t *link, outcome_t outcome, const char *what)
{
    const char *language = getenv("LANG");
    int russian = language && strncmp(language, "ru", 2) == 0;

    if (outcome != REFUSED) {
        fprintf(stderr, "recorder: %s: %s\n", what, link->why);
        return outcome == BROKEN ? OFFLINE : NOT_A_SERVER;
    }
    fprintf(stderr, "recorder: %s: error %u: %s\n", what, link->error.code,
            russian ? link->error.text_ru : link->error.text_en);
    if (link->error.retry_after)
        fprintf(stderr, "recorder: try again after %lu seconds\n", link->error.retry_after);
    return link->error.code < 100 ? OFFLINE : DENIED;
}

static int greet(link_t *link, const options_t *o, uint64_t *max_payload)
{
    writer_t w = {NULL, 0, 0};
    reader_t *r = &link->reply;
    char software[128], type[128], url[1024];
    unsigned capabilities;
    outcome_t outcome;

    put_unsigned(&w, 1, 1); /* version_min */
    put_unsigned(&w, 1, 1); /* version_max */
    put_unsigned(&w, CAPABILITY_RESUME, 4);
    put_text(&w, "recorder example 1.0");
    put_text(&w, o->device_number);
    outcome = link_ask(link, HELLO, &w);
    writer_free(&w);
    if (outcome != ANSWERED)
        return explain(link, outcome, "hello");
    get_unsigned(r, 1); /* version: we offered one only */
    capabilities = (unsigned)get_unsigned(r, 4);
    get_text(r, software, sizeof software);
    get_unsigned(r, 4); /* server_id */
    get_text(r, type, sizeof type);
    get_bytes(r, 10);   /* server_time */
    get_text(r, url, sizeof url);
    get_unsigned(r, 4); /* size of limits */
    *max_payload = get_unsigned(r, 4);
    if (r->failed || !(capabilities & CAPABILITY_RESUME)) {
        fputs("recorder: hello: this server cannot take an ECG in chunks\n", stderr);
        return NOT_A_SERVER;
    }
    printf("connected to %s (%s)\n", software, type);
    return STORED;
}

static int log_in(link_t *link, const options_t *o, const char *password)
{
    writer_t w = {NULL, 0, 0};
    outcome_t outcome;

    put_text(&w, o->login);
    put_text(&w, password);
    outcome = link_ask(link, LOGIN, &w);
    writer_free(&w);
    if (outcome != ANSWERED)
        return explain(link, outcome, "login");
    printf("logged in as %s\n", o->login);
    return STORED;
}

/* Read an UploadState: how many bytes the server holds, and whether it has stored the exam. */
static int read_state(link_t *link, uint64_t *received, int *stored)
{
    unsigned status = (unsigned)get_unsigned(&link->reply, 2);

    *received = get_unsigned(&link->reply, 8);
    *stored = status == UPLOAD_STORED;
    if (link->reply.failed || (status != RECEIVING && status != UPLOAD_STORED)) {
        fputs("recorder: upload: a reply that cannot be read\n", stderr);
        return NOT_A_SERVER;
    }
    return STORED;
}

static int begin(link_t *link, const options_t *o, const ecg_t *ecg, uint64_t *received, int *stored)
{
    writer_t w = {NULL, 0, 0};
    outcome_t outcome;

    put_exam(&w, o, ecg);
    put_signal(&w, o, ecg);
    put_bytes(&w, ecg->digest, sizeof ecg->digest);
    outcome = link_ask(link, UPLOAD_BEGIN, &w);
    writer_free(&w);
    if (outcome != ANSWERED)
        return explain(link, outcome, "upload");
    return read_state(link, received, stored);
}

/* Send one chunk. Sets received to what the server holds then. */
static int send_chunk(link_t *link, const options_t *o, const ecg_t *ecg, uint64_t chunk, uint64_t *sent,
                      uint64_t *received)
{
    writer_t w = {NULL, 0, 0};
    uint64_t left = ecg->size - *received;
    size_t size = (size_t)(chunk < left ? chunk : left);
    uint8_t *data = malloc(size);
    outcome_t outcome;
    int stored;

    if (!data || !read_samples(ecg, *received, data, size)) {
        free(data);
        return USAGE;
    }
    put_bytes(&w, o->uuid, sizeof o->uuid);
    put_unsigned(&w, *received, 8);
    put_unsigned(&w, size, 4);
    put_bytes(&w, data, size);
    free(data);
    if (o->stops && *sent + size >= o->stop_after) {
        link_send_part(link, UPLOAD_CHUNK, &w, w.size - size + (size_t)(o->stop_after - *sent));
        writer_free(&w);
        return STOPPED;
    }
    *sent += size;
    outcome = link_ask(link, UPLOAD_CHUNK, &w);
    writer_free(&w);
    if (outcome == REFUSED && link->error.code == UPLOAD_OFFSET && link->error.detail < *received) {
        *received = link->error.detail;
        return STORED;
    }
    if (outcome != ANSWERED)
        return explain(link, outcome, "upload");
    return read_state(link, received, &stored);
}

static int commit(link_t *link, const options_t *o)
{
    writer_t w = {NULL, 0, 0};
    reader_t *r = &link->reply;
    int64_t exam_id;
    outcome_t outcome;

    put_bytes(&w, o->uuid, sizeof o->uuid);
    outcome = link_ask(link, UPLOAD_COMMIT, &w);
    writer_free(&w);
    if (outcome != ANSWERED)
        return explain(link, outcome, "commit");
    exam_id = (int64_t)get_unsigned(r, 8);
    get_bytes(r, 16); /* exam_uuid */
    get_unsigned(r, 1); /* already_stored */
    if (r->failed) {
        fputs("recorder: commit: a reply that cannot be read\n", stderr);
        return NOT_A_SERVER;
    }
    printf("stored as exam %" PRId64 "\n", exam_id);
    return STORED;
}

static int upload(link_t *link, const options_t *o, const ecg_t *ecg, uint64_t max_payload)
{
    uint64_t received = 0, sent = 0, chunk = o->chunk;
    int result, stored;

    result = begin(link, o, ecg, &received, &stored);
    if (result != STORED)
        return result;
    if (stored) {
        puts("the archive has this exam already");
        return STORED;
    }
    if (received > ecg->size || max_payload <= 256) {
        fputs("recorder: upload: a reply that makes no sense\n", stderr);
        return NOT_A_SERVER;
    }
    if (received)
        printf("resuming after %" PRIu64 " of %" PRIu64 " bytes\n", received, ecg->size);
    if (chunk > max_payload - 256)
        chunk = max_payload - 256;
    while (received < ecg->size) {
        result = send_chunk(link, o, ecg, chunk, &sent, &received);
        if (result == STOPPED)
            printf("stopped after %" PRIu64 " bytes as told; the server has confirmed %" PRIu64 " of %" PRIu64
                   "\n",
                   o->stop_after, received, ecg->size);
        if (result != STORED)
            return result;
    }
    printf("sent %" PRIu64 " bytes\n", sent);
    return commit(link, o);
}

int main(int count, char **arguments)
{
    options_t options;
    ecg_t ecg = {NULL, 0, 0, 0, 0, {0}};
    link_t link;
    char password[256];
    uint64_t max_payload = 0;
    outcome_t outcome;
    int result;

    if (!parse_arguments(count, arguments, &options))
        return use();
    if (!read_password(options.password_file, password, sizeof password) || !read_ecg(&options, &ecg))
        return USAGE;
    outcome = link_open(&link, options.host, options.port);
    result = outcome == ANSWERED ? STORED : explain(&link, outcome, "connect");
    if (result == STORED)
        result = greet(&link, &options, &max_payload);
    if (result == STORED)
        result = log_in(&link, &options, password);
    if (result == STORED)
        result = upload(&link, &options, &ecg, max_payload);
    link_close(&link, result == STOPPED);
    fclose(ecg.file);
    return result;
}
