/* From a number to an INVITE on its way: the server's address, a socket for the sound, an offer. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <kenmon/secret.h>

#include "sip_call_internal.h"

#define URI_MAX    400
#define LOOK_UP_MS 8000 /* libre alone would ask silent name servers for over a minute */

struct dialling {
	char to[URI_MAX], from[URI_MAX], route[URI_MAX];
};

/* --- the INVITE -------------------------------------------------------------------------- */

static void forget(void *text)
{
	km_wipe(text, strlen(text));
}

/* libre lets go of it without wiping. */
static int lend(char **out, const char *text)
{
	size_t size = strlen(text) + 1;

	*out = mem_alloc(size, forget);
	if (!*out)
		return ENOMEM;
	memcpy(*out, text, size);
	return 0;
}

/* arg is the stack: it outlives every session of it, a call does not. */
static int on_challenge(char **user, char **password, const char *realm, void *arg)
{
	const struct voice_stack *s = arg;
	int err;

	/* A telephone can ask, too, where the server hands on what it says. */
	if (!s->name || (s->realm[0] && strcmp(realm, s->realm) != 0))
		return EAUTH;
	err = lend(user, s->name);
	return err ? err : lend(password, s->password);
}

/* Everything goes to the server, whatever a redirection says. */
static bool write_addresses(const struct voice_call *call, struct dialling *d)
{
	const struct voice_stack *s = call->stack;

	return re_snprintf(d->to, URI_MAX, "sip:%s@%s", call->number, s->domain) > 0 &&
	       re_snprintf(d->from, URI_MAX, "sip:%s@%s", s->caller, s->domain) > 0 &&
	       re_snprintf(d->route, URI_MAX, "sip:%J%s", &s->remote,
			   sip_transp_param(s->transport)) > 0;
}

static km_rc invite(struct voice_call *call, struct mbuf *offer)
{
	struct voice_stack *s = call->stack;
	struct dialling d;
	const char *route = d.route;
	km_rc rc = write_addresses(call, &d) ? KM_OK : KM_ELIMIT;

	if (rc == KM_OK &&
	    sipsess_connect(&call->session, s->sessions, d.to, NULL, d.from, s->caller, &route, 1,
			    "application/sdp", offer, on_challenge, s, false, voice_call_on_offer,
			    voice_call_on_answer, voice_call_on_progress, voice_call_on_established,
			    voice_call_on_info, NULL, voice_call_on_close, call, NULL) != 0)
		rc = KM_EUNAVAIL;
	km_wipe(&d, sizeof(d)); /* the number */
	return rc;
}

static km_rc open_sound(struct voice_call *call, const struct sa *local, struct mbuf **offer)
{
	struct voice_crypto mine = { .tag = 1 };
	const struct voice_crypto *key = call->stack->srtp ? &mine : NULL;
	uint16_t port = 0;
	km_rc rc = km_random(mine.key, sizeof(mine.key));

	if (rc == KM_OK)
		rc = voice_media_open(&call->media, local, key, &voice_call_events, call, &port);
	if (rc == KM_OK)
		rc = voice_sdp_open(&call->sdp, local, port, key);
	if (rc == KM_OK)
		rc = voice_sdp_offer(&call->sdp, offer);
	km_wipe(&mine, sizeof(mine));
	return rc;
}

/* Anything that fails here is of this machine or its network: nothing has left yet. */
static void dial(struct voice_call *call, const struct sa *server)
{
	struct mbuf *offer = NULL;
	struct sa local;
	km_rc rc = voice_stack_reach(call->stack, server, &local);

	tmr_cancel(&call->start);
	if (rc == KM_OK)
		rc = open_sound(call, &local, &offer);
	if (rc == KM_OK)
		rc = voice_media_wait(&call->media, call->stack->ring);
	if (rc == KM_OK)
		rc = invite(call, offer);
	mem_deref(offer);
	if (rc != KM_OK)
		voice_call_fail(call, KM_ORDER_WHY_UNREACHABLE);
}

/* --- the server's address ---------------------------------------------------------------- */

static void ask(struct voice_call *call, uint16_t type);

static void on_address(int err, const struct dnshdr *hdr, struct list *answers, struct list *auth,
		       struct list *more, void *arg)
{
	struct voice_call *call = arg;
	const uint16_t type = call->asked_ipv6 ? DNS_TYPE_AAAA : DNS_TYPE_A;
	const struct dnsrr *rr =
	    err ? NULL : dns_rrlist_find(answers, NULL, type, DNS_CLASS_IN, true);
	struct sa server;

	(void)hdr;
	(void)auth;
	(void)more;
	if (rr && type == DNS_TYPE_A)
		sa_set_in(&server, rr->rdata.a.addr, call->stack->server.port);
	else if (rr)
		sa_set_in6(&server, rr->rdata.aaaa.addr, call->stack->server.port);
	if (rr)
		dial(call, &server);
	else if (type == DNS_TYPE_A)
		ask(call, DNS_TYPE_AAAA);
	else
		voice_call_fail(call, KM_ORDER_WHY_UNREACHABLE);
}

static void ask(struct voice_call *call, uint16_t type)
{
	call->asked_ipv6 = type == DNS_TYPE_AAAA;
	if (dnsc_query(&call->query, call->stack->dns, call->stack->server.host, type, DNS_CLASS_IN,
		       true, on_address, call) != 0)
		voice_call_fail(call, KM_ORDER_WHY_UNREACHABLE);
}

static void on_silence(void *arg)
{
	voice_call_fail(arg, KM_ORDER_WHY_UNREACHABLE);
}

void voice_call_look_up(void *arg)
{
	struct voice_call *call = arg;
	const struct voice_server *server = &call->stack->server;
	struct sa address;

	if (!server->literal) {
		tmr_start(&call->start, LOOK_UP_MS, on_silence, call);
		ask(call, DNS_TYPE_A);
	} else if (sa_set_str(&address, server->host, server->port) == 0)
		dial(call, &address);
	else
		voice_call_fail(call, KM_ORDER_WHY_UNREACHABLE);
}
