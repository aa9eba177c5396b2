/* The name that a server's certificate must have, for calls and for messages alike. */
#ifndef KENMON_COURIER_TLS_NAME_H
#define KENMON_COURIER_TLS_NAME_H

#include <stdbool.h>

#include <openssl/ssl.h>

/*
 * In its subjectAltName: a common name is whatever its owner wanted to be called. False: there was
 * no memory for it, and nothing may be connected.
 */
bool courier_tls_expect(SSL_CTX *ctx, const char *host, bool is_address);

#endif
