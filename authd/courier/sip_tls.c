/*
 * TLS towards the SIP server. libre 1.1.0 checks no certificate of its own accord and names no host
 * in its first message, so the context that all its connections are made from does both: chain and
 * name are verified, TLS is 1.2 at least, and the name is sent (SNI).
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <kenmon/log.h>

#include "sip_stack.h"
#include "tls_name.h"

#define DEPTH 8 /* certificates of a chain */

static int place = -1; /* of the stack, in a context */

static struct voice_stack *stack_of(const SSL *ssl)
{
	return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), place);
}

static int on_verify(int good, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

	if (!good)
		stack_of(ssl)->certificate_refused = true;
	return good;
}

/* The first call of a handshake comes before the first byte is made. */
static void on_progress(const SSL *ssl, int where, int result)
{
	struct voice_stack *s = stack_of(ssl);

	(void)result;
	if (where & SSL_CB_HANDSHAKE_START) {
		s->certificate_refused = false;
		/* const only because the library says so: it is about this connection. */
		if (!s->server.literal)
			SSL_set_tlsext_host_name((SSL *)(uintptr_t)ssl, s->server.host);
	}
}

static bool set_up(SSL_CTX *ctx, struct voice_stack *s, const char *ca_file)
{
	if (place < 0)
		place = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
	SSL_CTX_set_verify_depth(ctx, DEPTH);
	SSL_CTX_set_info_callback(ctx, on_progress);
	return place >= 0 && SSL_CTX_set_ex_data(ctx, place, s) == 1 &&
	       SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       courier_tls_expect(ctx, s->server.host, s->server.literal) &&
	       SSL_CTX_load_verify_locations(ctx, ca_file, NULL) == 1;
}

km_rc voice_tls_open(struct voice_stack *s, const char *ca_file)
{
	if (*ca_file == '\0')
		ca_file = VOICE_CA_FILE;
	if (tls_alloc(&s->tls, TLS_METHOD_SSLV23, NULL, NULL) != 0)
		return KM_ENOMEM;
	if (set_up(tls_openssl_context(s->tls), s, ca_file))
		return KM_OK;
	ERR_clear_error();
	km_log(LOG_ERR,
	       "calls: [voice] ca-file: no certificates can be read there; nobody is called");
	return KM_ECONF;
}
