/* Session descriptions: libre reads and writes them, what they must say stands here. */
#include <kenmon/secret.h>

#include "sip_sdp.h"

#define CRYPTO "crypto"

static int set_crypto(struct voice_sdp *d)
{
	char line[VOICE_SRTP_LINE];
	int err;

	voice_crypto_write(&d->mine, line);
	err = sdp_media_set_lattr(d->audio, true, CRYPTO, "%s", line);
	km_wipe(line, sizeof(line));
	return err;
}

static int add_formats(struct voice_sdp *d)
{
	int err = sdp_format_add(NULL, d->audio, false, "0", "PCMU", VOICE_RATE, 1, NULL, NULL,
				 NULL, false, NULL);

	if (!err)
		err = sdp_format_add(NULL, d->audio, false, "8", "PCMA", VOICE_RATE, 1, NULL, NULL,
				     NULL, false, NULL);
	if (!err)
		err = sdp_format_add(NULL, d->audio, false, "101", "telephone-event", VOICE_RATE, 1,
				     NULL, NULL, NULL, false, "0-15");
	if (!err)
		err = sdp_media_set_lattr(d->audio, true, "ptime", "20");
	return err;
}

km_rc voice_sdp_open(struct voice_sdp *d, const struct sa *local, uint16_t port,
		     const struct voice_crypto *mine)
{
	int err;

	*d = (struct voice_sdp){ .srtp = mine != NULL };
	if (mine)
		d->mine = *mine;
	err = sdp_session_alloc(&d->session, local);
	if (!err)
		err = sdp_media_add(&d->audio, d->session, sdp_media_audio, port,
				    mine ? sdp_proto_rtpsavp : sdp_proto_rtpavp);
	if (!err)
		err = add_formats(d);
	if (!err && mine)
		err = set_crypto(d);
	if (!err)
		return KM_OK;
	voice_sdp_close(d);
	return KM_ENOMEM;
}

/* A media belongs to its session. */
void voice_sdp_close(struct voice_sdp *d)
{
	d->session = mem_deref(d->session);
	d->audio = NULL;
	km_wipe(&d->mine, sizeof(d->mine));
}

km_rc voice_sdp_offer(struct voice_sdp *d, struct mbuf **out)
{
	return sdp_encode(out, d->session, true) == 0 ? KM_OK : KM_ENOMEM;
}

km_rc voice_sdp_answer(struct voice_sdp *d, struct mbuf **out)
{
	return sdp_encode(out, d->session, false) == 0 ? KM_OK : KM_ENOMEM;
}

/* --- what the other end says ------------------------------------------------------------- */

/* The first of theirs that is ours too; and how they call events. */
static bool choose(const struct voice_sdp *d, struct voice_agreed *a)
{
	const struct list *formats = sdp_media_format_lst(d->audio, false);
	bool found = false;

	for (const struct le *le = list_head(formats); le; le = le->next) {
		const struct sdp_format *f = le->data;

		if (!f->sup)
			continue;
		if (!found && (f->pt == VOICE_PCMU || f->pt == VOICE_PCMA)) {
			a->codec = (uint8_t)f->pt;
			found = true;
		}
		if (!a->events && f->pt > 0 && f->pt < 128 &&
		    str_casecmp(f->name, telev_rtpfmt) == 0) {
			a->events = true;
			a->event_type[0] = VOICE_EVENTS;
			a->event_type[1] = (uint8_t)f->pt;
		}
	}
	return found;
}

struct found_key {
	unsigned tag; /* the only one that is good; 0: any */
	bool good;
	struct voice_crypto crypto;
};

static bool try_crypto(const char *name, const char *value, void *arg)
{
	struct found_key *found = arg;

	(void)name;
	found->good = value && voice_crypto_read(value, &found->crypto) == KM_OK &&
		      (found->tag == 0 || found->crypto.tag == found->tag);
	return found->good;
}

/* An answer names our line by its tag; of an offer we take the first that we can do. */
static bool find_key(struct voice_sdp *d, bool offer, struct voice_agreed *a)
{
	struct found_key found = { .tag = offer ? 0 : d->mine.tag };

	(void)sdp_media_rattr_apply(d->audio, CRYPTO, try_crypto, &found);
	if (found.good) {
		a->srtp = true;
		a->theirs = found.crypto;
		d->mine.tag = found.crypto.tag;
	}
	km_wipe(&found, sizeof(found));
	return a->srtp && (!offer || set_crypto(d) == 0);
}

static bool has_address(const struct sa *remote)
{
	return sa_isset(remote, SA_ALL) && !sa_is_any(remote);
}

km_rc voice_sdp_take(struct voice_sdp *d, struct mbuf *mb, bool offer, struct voice_agreed *agreed)
{
	struct voice_agreed a = { .codec = VOICE_PCMU };
	const struct sa *remote;
	bool good = mbuf_get_left(mb) > 0 && sdp_decode(d->session, mb, offer) == 0 &&
		    sdp_media_rport(d->audio) != 0 && choose(d, &a) &&
		    (!d->srtp || find_key(d, offer, &a));

	remote = good ? sdp_media_raddr(d->audio) : NULL;
	good = remote && has_address(remote) && sa_af(remote) == sa_af(sdp_media_laddr(d->audio));
	if (good) {
		a.remote = *remote;
		*agreed = a;
	}
	km_wipe(&a.theirs, sizeof(a.theirs));
	return good ? KM_OK : KM_EPROTO;
}
