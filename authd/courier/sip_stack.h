/*
 * The SIP side that calls share: who the server is, how it is reached and checked, what is said to
 * people. One for each configuration; calls that are under way keep theirs over a reload.
 */
#ifndef KENMON_COURIER_SIP_STACK_H
#define KENMON_COURIER_SIP_STACK_H

#include <stdbool.h>

#include "driver.h"
#include "sip_re.h"
#include "sip_sound.h"

#define VOICE_HOST 254 /* a DNS name */

/* HOST, HOST:PORT, [IPv6] or [IPv6]:PORT. */
struct voice_server {
	char host[VOICE_HOST];
	uint16_t port;
	bool literal; /* an address, not a name */
};

struct voice_stack {
	struct le le; /* of all that are not freed */
	unsigned holders;
	struct voice_server server;
	enum sip_transp transport;
	bool srtp;
	unsigned ring; /* seconds */
	char domain[VOICE_HOST + 2], caller[64];
	char realm[KM_CONF_LINE];              /* that may ask for these; empty: any */
	char *name, *password;                 /* in credential; NULL: no digest authentication */
	struct courier_credential *credential; /* locked */
	struct voice_sounds sounds;
	struct tls *tls;
	bool certificate_refused; /* the last handshake ended so */
	struct dnsc *dns;
	struct sip *sip;
	struct sipsess_sock *sessions;
	struct sip_lsnr *redirections; /* sip's */
	struct sa local, remote;       /* for which the transport was made */
	struct tmr gone;               /* libre has nothing more to say: freed at the next turn */
};

/* KM_EINVAL, *s untouched. */
KM_MUST_CHECK km_rc voice_server_parse(const char *text, uint16_t port, struct voice_server *s);

/* Anything but KM_OK is in the log. */
KM_MUST_CHECK km_rc voice_stack_open(const struct courier_settings *settings,
				     struct voice_stack **out);
struct voice_stack *voice_stack_hold(struct voice_stack *s);
void voice_stack_release(struct voice_stack *s); /* NULL is allowed */
/* At the room's end: frees those that were released, whatever was still to be said. */
void voice_stacks_end(void);

/* The transport towards that address of the server; *local is ours. */
KM_MUST_CHECK km_rc voice_stack_reach(struct voice_stack *s, const struct sa *remote,
				      struct sa *local);

/* sip_tls.c: the server's certificate and name are checked, TLS is 1.2 at least. In the log. */
KM_MUST_CHECK km_rc voice_tls_open(struct voice_stack *s, const char *ca_file);

/* sip_redirect.c: nobody is called but whom we call. */
KM_MUST_CHECK km_rc voice_redirect_refuse(struct voice_stack *s);

/* sip_transport.c: the socket hears the server alone. */
KM_MUST_CHECK km_rc voice_transport_close_to_others(enum sip_transp transport,
						    const struct sa *local,
						    const struct sa *remote);

/* Certificates where the configuration names none. */
#define VOICE_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

#endif
