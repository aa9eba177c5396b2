/* Small real servers; see house_gateway.h. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "house_gateway.h"

#define DAY 86400L

/* --- certificates ------------------------------------------------------------------------------
 */

static bool add_extension(X509 *cert, X509 *by, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *e;
	bool good;

	X509V3_set_ctx(&context, by, cert, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	good = e && X509_add_ext(cert, e, -1) == 1;
	X509_EXTENSION_free(e);
	return good;
}

/* by: who signs; NULL: itself, as an authority. days: until it ends. */
static X509 *certify(EVP_PKEY *key, const char *name, const char *names, X509 *by, EVP_PKEY *by_key,
		     long days)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	if (!cert || !X509_set_version(cert, 2) ||
	    !ASN1_INTEGER_set(X509_get_serialNumber(cert), random() % 100000 + 1) ||
	    !X509_gmtime_adj(X509_getm_notBefore(cert), -30 * DAY) ||
	    !X509_gmtime_adj(X509_getm_notAfter(cert), days * DAY) || !X509_set_pubkey(cert, key) ||
	    !X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const void *)name, -1, -1,
					0) ||
	    !X509_set_issuer_name(cert, by ? X509_get_subject_name(by) : subject) ||
	    !add_extension(cert, by ? by : cert, NID_basic_constraints,
			   by ? "CA:FALSE" : "critical,CA:TRUE") ||
	    (names && !add_extension(cert, by, NID_subject_alt_name, names)) ||
	    !X509_sign(cert, by ? by_key : key, EVP_sha256()))
		abort();
	return cert;
}

/* The certificate of a kind, and the file of whoever the courier is to believe. */
static SSL_CTX *make_context(struct gateway *g)
{
	bool other = g->certificate == GATEWAY_OTHER_NAME;
	EVP_PKEY *root_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *root = certify(root_key, "test authority", NULL, NULL, NULL, 30);
	bool alone = g->certificate == GATEWAY_COMMON_NAME;
	X509 *cert = certify(key, alone ? "127.0.0.1" : "gateway",
			     alone   ? NULL
			     : other ? "DNS:gw.example"
				     : "DNS:localhost,DNS:gw.test,IP:127.0.0.1",
			     root, root_key, g->certificate == GATEWAY_EXPIRED ? -1 : 30);
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	FILE *f = fopen(g->ca, "we");

	if (g->certificate == GATEWAY_STRANGER) {
		X509_free(root);
		root = certify(key, "test authority", NULL, NULL, NULL, 30);
	}
	if (!context || !f || !PEM_write_X509(f, root) || fclose(f) != 0 ||
	    SSL_CTX_use_certificate(context, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(context, key) != 1)
		abort();
	if (g->certificate == GATEWAY_OLD_TLS &&
	    (!SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0") ||
	     !SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION) ||
	     !SSL_CTX_set_min_proto_version(context, TLS1_VERSION)))
		abort();
	X509_free(root);
	X509_free(cert);
	EVP_PKEY_free(key);
	EVP_PKEY_free(root_key);
	return context;
}

static bool write_pem(const char *path, X509 *cert, EVP_PKEY *key)
{
	FILE *f = fopen(path, "we");
	bool good = f && (cert ? PEM_write_X509(f, cert)
			       : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL)) == 1;

	return (!f || fclose(f) == 0) && good;
}

bool gateway_write_certificate(const char *ca, const char *certificate, const char *key)
{
	EVP_PKEY *root_key = EVP_EC_gen("P-256"), *own = EVP_EC_gen("P-256");
	X509 *root = certify(root_key, "test authority", NULL, NULL, NULL, 30);
	X509 *cert = certify(own, "gateway", "IP:127.0.0.1", root, root_key, 30);
	bool good = write_pem(ca, root, NULL) && write_pem(certificate, cert, NULL) &&
		    write_pem(key, NULL, own);

	X509_free(root);
	X509_free(cert);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(own);
	return good;
}

/* --- for behaviours ------------------------------------------------------------------------------
 */

static ssize_t take(struct gateway_line *l, void *bytes, size_t len)
{
	ssize_t n = l->ssl ? SSL_read(l->ssl, bytes, (int)len) : read(l->fd, bytes, len);

	return n;
}

bool gateway_write(struct gateway_line *l, const void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		size_t some = len - done < 16384 ? len - done : 16384;
		const char *at = (const char *)bytes + done;
		ssize_t n =
		    l->ssl ? SSL_write(l->ssl, at, (int)some) : send(l->fd, at, some, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		done += (size_t)n;
		l->seen->given += (size_t)n;
	}
	return true;
}

bool gateway_say(struct gateway_line *l, const char *text)
{
	return gateway_write(l, text, strlen(text));
}

static bool is_whole(const char *request)
{
	const char *end = strstr(request, "\r\n\r\n");
	const char *length = strcasestr(request, "\r\nContent-Length:");
	size_t want = 0;

	if (!end)
		return false;
	if (length && length < end)
		want = strtoul(length + 17, NULL, 10);
	return strlen(end + 4) >= want;
}

bool gateway_read(struct gateway_line *l)
{
	char *last = l->seen->last;
	size_t len = 0;

	memset(last, 0, sizeof(l->seen->last));
	while (!is_whole(last)) {
		ssize_t n = take(l, last + len, sizeof(l->seen->last) - 1 - len);

		if (n <= 0)
			return false;
		if (len == 0)
			l->seen->requests++;
		len += (size_t)n;
	}
	return true;
}

bool gateway_read_part(struct gateway_line *l, size_t most)
{
	char *last = l->seen->last;
	size_t len = 0;

	memset(last, 0, sizeof(l->seen->last));
	while (len < most && !is_whole(last) && take(l, last + len, 1) == 1)
		len++;
	return is_whole(last);
}

bool gateway_answer(struct gateway_line *l, const char *status, const char *body)
{
	char head[256];

	snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", status,
		 strlen(body));
	return gateway_say(l, head) && gateway_say(l, body);
}

void gateway_wait_for_the_end(struct gateway_line *l)
{
	char some[4096];

	while (take(l, some, sizeof(some)) > 0)
		;
}

/* --- the server
 * ------------------------------------------------------------------------------------ */

bool gateway_reserve(struct gateway *g, const char *folder, enum gateway_certificate certificate)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);

	*g = (struct gateway){ .certificate = certificate };
	if (snprintf(g->ca, sizeof(g->ca), "%s/ca.pem", folder) >= (int)sizeof(g->ca))
		return false;
	g->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g->seen =
	    mmap(NULL, sizeof(*g->seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g->listener < 0 || g->seen == MAP_FAILED ||
	    bind(g->listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    getsockname(g->listener, (struct sockaddr *)&at, &len) < 0)
		return false;
	g->port = ntohs(at.sin_port);
	return true;
}

static void serve(const struct gateway *g, SSL_CTX *context, gateway_behaviour *behave)
{
	struct gateway_line l = { .seen = g->seen };

	for (l.n = 0;; l.n++) {
		l.fd = accept(g->listener, NULL, NULL);
		if (l.fd < 0)
			_exit(0);
		g->seen->connections++;
		g->seen->given = 0;
		l.ssl = context ? SSL_new(context) : NULL;
		if (!l.ssl || (SSL_set_fd(l.ssl, l.fd) == 1 && SSL_accept(l.ssl) == 1))
			behave(&l);
		SSL_free(l.ssl);
		close(l.fd);
	}
}

bool gateway_open(struct gateway *g, gateway_behaviour *behave)
{
	SSL_CTX *context = g->certificate == GATEWAY_PLAIN ? NULL : make_context(g);

	if (listen(g->listener, SOMAXCONN) < 0)
		return false;
	g->pid = fork();
	if (g->pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
			serve(g, context, behave);
		_exit(1);
	}
	SSL_CTX_free(context);
	return g->pid > 0;
}

void gateway_close(struct gateway *g)
{
	if (g->pid > 0) {
		kill(g->pid, SIGKILL);
		waitpid(g->pid, NULL, 0);
	}
	close(g->listener);
	munmap(g->seen, sizeof(*g->seen));
	unlink(g->ca);
}
