/*
 * Gateways for text messages as small real servers on 127.0.0.1: a process each, which takes one
 * connection after the other, and behaves as the test wants.
 */
#ifndef KENMON_TESTS_HOUSE_GATEWAY_H
#define KENMON_TESTS_HOUSE_GATEWAY_H

#include <openssl/ssl.h>

#include "house.h"

/* Written by the server, read by the test: shared memory. */
struct gateway_seen {
	unsigned connections; /* that were made */
	unsigned requests;    /* of which at least a byte came */
	size_t given;         /* bytes that the courier took of the last answer */
	char last[16384];     /* the last request that was read whole */
};

/* How the certificate is; GATEWAY_PLAIN: none, http. */
enum gateway_certificate {
	GATEWAY_PLAIN,
	GATEWAY_GOOD,     /* for 127.0.0.1 and localhost */
	GATEWAY_STRANGER, /* of an authority that nobody named */
	GATEWAY_OTHER_NAME,
	GATEWAY_COMMON_NAME, /* "127.0.0.1", as its common name alone */
	GATEWAY_EXPIRED,
	GATEWAY_OLD_TLS, /* a good one, but TLS 1.1 alone */
};

struct gateway_line { /* one connection */
	int fd;
	SSL *ssl;
	struct gateway_seen *seen;
	unsigned n; /* which connection this is, from 0 */
};

struct gateway {
	int listener;
	unsigned port;
	pid_t pid;
	struct gateway_seen *seen;
	enum gateway_certificate certificate;
	char ca[HOUSE_PATH]; /* file of the authority; in the folder that was given */
};

typedef void gateway_behaviour(struct gateway_line *l);

/* Has a port, at which nobody listens. folder: where the authority's file is made. */
bool gateway_reserve(struct gateway *g, const char *folder, enum gateway_certificate certificate);
/* Listens, and behaves so from now on. */
bool gateway_open(struct gateway *g, gateway_behaviour *behave);
void gateway_close(struct gateway *g);

/* The same for a server that is not ours: an authority, a certificate for 127.0.0.1 and its key, in
 * PEM. */
bool gateway_write_certificate(const char *ca, const char *certificate, const char *key);

/* For behaviours. */
bool gateway_read(struct gateway_line *l); /* a whole request, into seen->last */
/* At most so many bytes of one. True: that was all of it. */
bool gateway_read_part(struct gateway_line *l, size_t most);
bool gateway_write(struct gateway_line *l, const void *bytes, size_t len);
bool gateway_say(struct gateway_line *l, const char *text);
/* "HTTP/1.1 STATUS" with this body and its length. */
bool gateway_answer(struct gateway_line *l, const char *status, const char *body);
void gateway_wait_for_the_end(struct gateway_line *l); /* until the other side has closed */

#endif
