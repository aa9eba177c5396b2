/* One configuration of calls, open. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/log.h>

#include "sip_stack.h"

#define BUCKETS   32
#define RESOLVERS 4

static struct list stacks = LIST_INIT;

static const enum sip_transp transports[] = {
	[KM_SIP_UDP] = SIP_TRANSP_UDP,
	[KM_SIP_TCP] = SIP_TRANSP_TCP,
	[KM_SIP_TLS] = SIP_TRANSP_TLS,
};

/* --- what the configuration says ----------------------------------------------------------- */

/* What stands in SIP addresses must need no escaping there. */
static bool is_user(const char *text)
{
	static const char may[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-_";

	return *text != '\0' && text[strspn(text, may)] == '\0';
}

static bool set_domain(struct voice_stack *s, const char *domain)
{
	struct voice_server d = s->server;

	if (*domain != '\0' && (voice_server_parse(domain, 0, &d) != KM_OK || d.port != 0))
		return false;
	return (size_t)snprintf(s->domain, sizeof(s->domain), strchr(d.host, ':') ? "[%s]" : "%s",
				d.host) < sizeof(s->domain);
}

static bool set_credential(struct voice_stack *s, const struct courier_credential *c)
{
	char *colon;

	if (c->len == 0)
		return true;
	s->credential = km_locked_new(sizeof(*s->credential));
	if (!s->credential)
		return false;
	*s->credential = *c;
	colon = strchr(s->credential->bytes, ':');
	if (!colon || colon == s->credential->bytes)
		return false;
	*colon = '\0';
	s->name = s->credential->bytes;
	s->password = colon + 1;
	return true;
}

static bool set_caller(struct voice_stack *s, const char *caller)
{
	size_t len = strlen(caller);

	if (!is_user(caller) || len >= sizeof(s->caller))
		return false;
	memcpy(s->caller, caller, len + 1);
	return true;
}

static const char *wrong_in(struct voice_stack *s, const struct courier_settings *settings)
{
	const struct km_conf *conf = &settings->conf;
	uint16_t port = conf->voice.transport == KM_SIP_TLS ? SIP_PORT_TLS : SIP_PORT;

	s->transport = transports[conf->voice.transport];
	s->srtp = conf->voice.media == KM_MEDIA_SRTP;
	s->ring = conf->voice.ring;
	memcpy(s->realm, conf->voice.realm, sizeof(s->realm));
	if (voice_server_parse(conf->voice.server, port, &s->server) != KM_OK)
		return "server: not HOST or HOST:PORT";
	if (!set_domain(s, conf->voice.domain))
		return "domain: not the name of a domain";
	if (!set_caller(s, conf->voice.caller))
		return "caller: letters, digits and + . - _ alone";
	if (!set_credential(s, &settings->voice))
		return "credentials: not NAME:PASSWORD";
	return NULL;
}

static km_rc read_sounds(struct voice_stack *s, const char *folder)
{
	char name[64] = "";
	km_rc rc = voice_sounds_read(folder, &s->sounds, name, sizeof(name));

	if (rc == KM_EPROTO)
		km_log(LOG_ERR,
		       "calls: [voice] prompts: %s is no WAV of 8 kHz, one channel, 16 bits", name);
	else if (rc != KM_OK)
		km_log(LOG_ERR, "calls: [voice] prompts: %s: %s", name, km_rc_name(rc));
	return rc;
}

/* --- libre --------------------------------------------------------------------------------- */

static void nobody_calls_us(const struct sip_msg *msg, void *arg)
{
	struct voice_stack *s = arg;

	(void)sip_treply(NULL, s->sip, msg, 403, "Forbidden");
}

/* What nobody else took. libre would print it as it came. */
static bool drop_request(const struct sip_msg *msg, void *arg)
{
	struct voice_stack *s = arg;

	if (pl_strcmp(&msg->met, "ACK") != 0)
		(void)sip_reply(s->sip, msg, 501, "Not Implemented");
	return true;
}

static bool drop_response(const struct sip_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return true;
}

static void bury(void *arg)
{
	struct voice_stack *s = arg;

	list_unlink(&s->le);
	tmr_cancel(&s->gone);
	mem_deref(s->sip);
	mem_deref(s->dns);
	mem_deref(s->tls);
	voice_sounds_free(&s->sounds);
	km_locked_free(s->credential, sizeof(*s->credential));
	free(s);
}

/*
 * Said from inside libre's end of the thing itself, often under one of its callbacks. What libre
 * looks at once this returns must still be there, so our hold on it goes a turn later.
 */
static void closed(void *arg)
{
	struct voice_stack *s = arg;

	tmr_start(&s->gone, 0, bury, s);
}

/* The resolvers of /etc/resolv.conf; only for a server that has a name. */
static int open_dns(struct voice_stack *s)
{
	struct sa server[RESOLVERS];
	uint32_t count = RESOLVERS;
	int err = dns_srv_get(NULL, 0, server, &count);

	return err ? err : dnsc_alloc(&s->dns, NULL, server, count);
}

static km_rc open_sip(struct voice_stack *s)
{
	int err = s->server.literal ? 0 : open_dns(s);

	if (err) {
		km_log(LOG_ERR, "calls: the server has a name, and no resolver is known");
		return KM_ECONF;
	}
	err = sip_alloc(&s->sip, NULL, BUCKETS, BUCKETS, BUCKETS, "kenmon", closed, s);
	if (!err)
		err = sipsess_listen(&s->sessions, s->sip, BUCKETS, nobody_calls_us, s);
	if (!err)
		err = sip_listen(NULL, s->sip, true, drop_request, s);
	if (!err)
		err = sip_listen(NULL, s->sip, false, drop_response, s);
	return err ? KM_ENOMEM : voice_redirect_refuse(s);
}

km_rc voice_stack_open(const struct courier_settings *settings, struct voice_stack **out)
{
	struct voice_stack *s = calloc(1, sizeof(*s));
	const char *wrong;
	km_rc rc;

	if (!s)
		return KM_ENOMEM;
	list_append(&stacks, &s->le, s);
	s->holders = 1;
	wrong = wrong_in(s, settings);
	if (wrong)
		km_log(LOG_ERR, "calls: [voice] %s", wrong);
	rc = wrong ? KM_ECONF : read_sounds(s, settings->conf.voice.prompts);
	if (rc == KM_OK && s->transport == SIP_TRANSP_TLS)
		rc = voice_tls_open(s, settings->conf.voice.ca_file);
	if (rc == KM_OK)
		rc = open_sip(s);
	if (rc != KM_OK) {
		voice_stack_release(s);
		return rc;
	}
	if (s->srtp && s->transport != SIP_TRANSP_TLS)
		km_log(LOG_WARNING,
		       "calls: [voice] media = srtp without transport = tls: the keys of "
		       "the sound travel in clear");
	*out = s;
	return KM_OK;
}

struct voice_stack *voice_stack_hold(struct voice_stack *s)
{
	s->holders++;
	return s;
}

/* What libre still has to say (BYE) keeps its part alive until it is said. */
void voice_stack_release(struct voice_stack *s)
{
	if (!s || --s->holders > 0)
		return;
	s->sessions = mem_deref(s->sessions);
	if (s->sip)
		sip_close(s->sip, false);
	else
		bury(s);
}

void voice_stacks_end(void)
{
	struct le *le = stacks.head;

	while (le) {
		struct voice_stack *s = le->data;

		le = le->next;
		if (s->holders > 0)
			continue;
		sip_close(s->sip, true);
		/* Else something of libre's has it still, and would tell us: left to the exit. */
		if (tmr_isrunning(&s->gone))
			bury(s);
	}
}

/* --- the way to the server ------------------------------------------------------------------ */

/* The address that we have on the way there: a datagram socket is asked, nothing is sent. */
static km_rc local_towards(const struct sa *remote, struct sa *local)
{
	int fd = socket(sa_af(remote), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good;

	sa_init(local, AF_UNSPEC);
	local->len = sizeof(local->u);
	good = fd >= 0 && connect(fd, &remote->u.sa, remote->len) == 0 &&
	       getsockname(fd, &local->u.sa, &local->len) == 0;
	if (fd >= 0)
		close(fd);
	sa_set_port(local, 0);
	return good ? KM_OK : KM_EUNAVAIL;
}

static km_rc open_transport(struct voice_stack *s, const struct sa *local, const struct sa *remote)
{
	struct sa bound;

	sip_transp_flush(s->sip);
	sa_init(&s->remote, AF_UNSPEC);
	if (sip_transp_add(s->sip, s->transport, local, s->tls) != 0 ||
	    sip_transp_laddr(s->sip, &bound, s->transport, remote) != 0 ||
	    voice_transport_close_to_others(s->transport, &bound, remote) != KM_OK) {
		sip_transp_flush(s->sip);
		return KM_EIO;
	}
	s->local = *local;
	s->remote = *remote;
	return KM_OK;
}

km_rc voice_stack_reach(struct voice_stack *s, const struct sa *remote, struct sa *local)
{
	km_rc rc = local_towards(remote, local);

	if (rc == KM_OK &&
	    !(sa_cmp(&s->remote, remote, SA_ALL) && sa_cmp(&s->local, local, SA_ADDR)))
		rc = open_transport(s, local, remote);
	return rc;
}
