/* Whom the SIP side of the courier takes for the server: a handshake in memory, with a real
 * certificate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "../../authd/courier/sip_stack.h"

#define NAME "pbx.example.jp"

static EVP_PKEY *key;
static char ca_file[] = "/tmp/kenmon-voice-tls-XXXXXX";

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

/* Of its own authority, for two hours up to ends (seconds from now); cn, and alt where there is
 * one. */
static X509 *certificate(const char *cn, const char *alt, long ends)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	assert_int_equal(X509_set_version(cert, 2), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), ends - 7200);
	X509_gmtime_adj(X509_getm_notAfter(cert), ends);
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
						    (const unsigned char *)cn, -1, -1, 0),
			 1);
	assert_int_equal(X509_set_issuer_name(cert, name), 1);
	add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
	if (alt)
		add_extension(cert, NID_subject_alt_name, alt);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

static void trust(X509 *cert)
{
	FILE *f = fopen(ca_file, "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, cert), 1);
	assert_int_equal(fclose(f), 0);
}

/* Both ends in turn until one has failed or both are through. */
static bool shake_hands(SSL *client, SSL *server)
{
	bool done = false;

	for (unsigned i = 0; i < 20 && !done; i++) {
		int c = SSL_connect(client), s = SSL_accept(server);

		if ((c <= 0 && SSL_get_error(client, c) != SSL_ERROR_WANT_READ) ||
		    (s <= 0 && SSL_get_error(server, s) != SSL_ERROR_WANT_READ))
			return false;
		done = c == 1 && s == 1;
	}
	return done;
}

enum refusal { TAKEN, FOR_ITS_CERTIFICATE, FOR_ITS_VERSION };

/* version: the newest that the server speaks. Both ends would speak the oldest, were it for their
 * libraries' levels. */
static enum refusal shown(const char *cn, const char *alt, long ends, int version)
{
	struct voice_stack s = { .transport = SIP_TRANSP_TLS };
	SSL_CTX *theirs = SSL_CTX_new(TLS_server_method());
	X509 *cert = certificate(cn, alt, ends);
	BIO *one, *other;
	SSL *client, *server;
	bool taken;

	trust(cert);
	snprintf(s.server.host, sizeof(s.server.host), NAME);
	assert_int_equal(voice_tls_open(&s, ca_file), KM_OK);
	assert_int_equal(SSL_CTX_use_certificate(theirs, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(theirs, key), 1);
	assert_int_equal(SSL_CTX_set_min_proto_version(theirs, TLS1_VERSION), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(theirs, version), 1);
	SSL_CTX_set_security_level(theirs, 0);
	SSL_CTX_set_security_level(tls_openssl_context(s.tls), 0);
	client = SSL_new(tls_openssl_context(s.tls));
	server = SSL_new(theirs);
	assert_int_equal(BIO_new_bio_pair(&one, 0, &other, 0), 1);
	SSL_set_bio(client, one, one);
	SSL_set_bio(server, other, other);
	taken = shake_hands(client, server);
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(theirs);
	X509_free(cert);
	mem_deref(s.tls);
	assert_false(taken && s.certificate_refused);
	return taken ? TAKEN : s.certificate_refused ? FOR_ITS_CERTIFICATE : FOR_ITS_VERSION;
}

static bool is_taken(const char *cn, const char *alt)
{
	enum refusal r = shown(cn, alt, 3600, TLS1_3_VERSION);

	assert_int_not_equal(r, FOR_ITS_VERSION);
	return r == TAKEN;
}

static void test_the_name_that_counts_is_in_the_subjects_alternative_names(void **state)
{
	(void)state;
	assert_true(is_taken("whoever", "DNS:" NAME));
	assert_true(is_taken(NAME, "DNS:" NAME));
	assert_false(is_taken(NAME, "DNS:other.example.jp"));
}

/* Whoever may choose their own common name (a person, a device) is not the server by that. */
static void test_a_common_name_alone_is_nobodys_address(void **state)
{
	(void)state;
	assert_false(is_taken(NAME, NULL));
	assert_false(is_taken(NAME, "email:"
				    "someone@example.jp"));
}

static void test_a_certificate_counts_from_its_first_day_to_its_last(void **state)
{
	static const struct {
		long ends;
		enum refusal answer;
	} table[] = {
		{ 3600, TAKEN },
		{ -60, FOR_ITS_CERTIFICATE },   /* over */
		{ 10800, FOR_ITS_CERTIFICATE }, /* not yet */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(shown("whoever", "DNS:" NAME, table[i].ends, TLS1_3_VERSION),
				 table[i].answer);
}

static void test_tls_is_1_2_at_least(void **state)
{
	static const struct {
		int version;
		enum refusal answer;
	} table[] = {
		{ TLS1_3_VERSION, TAKEN },
		{ TLS1_2_VERSION, TAKEN },
		{ TLS1_1_VERSION, FOR_ITS_VERSION },
		{ TLS1_VERSION, FOR_ITS_VERSION },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(shown("whoever", "DNS:" NAME, 3600, table[i].version),
				 table[i].answer);
}

static int begin(void **state)
{
	int fd = mkstemp(ca_file);

	(void)state;
	key = EVP_EC_gen("P-256");
	if (fd < 0 || !key || libre_init() != 0)
		return -1;
	return close(fd);
}

static int end(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	libre_close();
	return unlink(ca_file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_name_that_counts_is_in_the_subjects_alternative_names),
		cmocka_unit_test(test_a_common_name_alone_is_nobodys_address),
		cmocka_unit_test(test_a_certificate_counts_from_its_first_day_to_its_last),
		cmocka_unit_test(test_tls_is_1_2_at_least),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
