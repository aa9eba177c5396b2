/*
 * What a second person has approved for later: that somebody takes copies away, once or
 * for some time. Kept in one authenticated value, eight of them at most; those whose
 * time is over make room. One for some time is good for root too, whose timer takes the copies.
 */
#include "copy.h"

#include <string.h>

#define PERMITS      8
#define PERMIT_BYTES (KM_SUBJECT_BYTES + 1 + 1 + 8)
#define KEY          "permits"
#define ONCE_SECONDS (7 * 86400) /* an approval for once is used within a week, or asked anew */

struct permit {
	uint8_t requester[KM_SUBJECT_BYTES]; /* zeros: root */
	uint8_t act;
	bool once;
	int64_t until;
};

struct permits {
	size_t count;
	struct permit at[PERMITS];
};

static void pack(const struct permits *p, uint8_t *out)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct permit *one = &p->at[i];

		memcpy(out, one->requester, KM_SUBJECT_BYTES);
		out += KM_SUBJECT_BYTES;
		*out++ = one->act;
		*out++ = one->once;
		for (unsigned b = 0; b < 8; b++)
			*out++ = (uint8_t)((uint64_t)one->until >> (56 - 8 * b));
	}
}

/* Those whose time is over are left out. */
static void unpack(const uint8_t *in, size_t len, int64_t now, struct permits *out)
{
	out->count = 0;
	for (; len >= PERMIT_BYTES; len -= PERMIT_BYTES, in += PERMIT_BYTES) {
		struct permit one = { .act = in[KM_SUBJECT_BYTES],
				      .once = in[KM_SUBJECT_BYTES + 1] };
		uint64_t until = 0;

		memcpy(one.requester, in, KM_SUBJECT_BYTES);
		for (unsigned b = 0; b < 8; b++)
			until = until << 8 | in[KM_SUBJECT_BYTES + 2 + b];
		one.until = (int64_t)until;
		if (one.until > now)
			out->at[out->count++] = one;
	}
}

static km_rc load(struct vault *v, struct permits *out)
{
	uint8_t bytes[PERMITS * PERMIT_BYTES];
	size_t len = sizeof bytes;
	km_rc rc = store_meta_get(v->store, KEY, bytes, &len);

	if (rc == KM_ENOTFOUND)
		len = 0;
	else if (rc != KM_OK)
		return rc == KM_ELIMIT ? KM_ECORRUPT : rc;
	unpack(bytes, len, v->now.wall, out);
	return KM_OK;
}

/* Nothing is kept as one entry whose time is over: an empty value would be one that is not set. */
static km_rc save(struct vault *v, const struct permits *p, const struct km_event_record *event)
{
	uint8_t bytes[PERMITS * PERMIT_BYTES] = { 0 };

	pack(p, bytes);
	return store_meta_set(v->store, KEY, bytes, (p->count ? p->count : 1) * PERMIT_BYTES,
			      event);
}

static struct permit *find(struct permits *p, unsigned act,
			   const uint8_t requester[KM_SUBJECT_BYTES])
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->at[i].act == act &&
		    memcmp(p->at[i].requester, requester, KM_SUBJECT_BYTES) == 0)
			return &p->at[i];
	}
	return NULL;
}

/* The same, for who wants to use it. */
static struct permit *find_good(struct permits *p, unsigned act,
				const uint8_t requester[KM_SUBJECT_BYTES])
{
	static const uint8_t root[KM_SUBJECT_BYTES];
	struct permit *own = find(p, act, requester);

	if (own || memcmp(requester, root, sizeof root) != 0)
		return own;
	for (size_t i = 0; i < p->count; i++) {
		if (p->at[i].act == act && !p->at[i].once)
			return &p->at[i];
	}
	return NULL;
}

km_rc permit_give(struct vault *v, unsigned act, const uint8_t requester[KM_SUBJECT_BYTES],
		  unsigned days, const struct km_event_record *event)
{
	struct permits p;
	struct permit *one;
	km_rc rc = days <= PERMIT_DAYS_MOST ? load(v, &p) : KM_EINVAL;

	if (rc != KM_OK)
		return rc;
	one = find(&p, act, requester);
	if (!one && p.count == PERMITS)
		return KM_ELIMIT;
	if (!one)
		one = &p.at[p.count++];
	*one =
	    (struct permit){ .act = (uint8_t)act,
			     .once = days == 0,
			     .until = v->now.wall + (days ? (int64_t)days * 86400 : ONCE_SECONDS) };
	memcpy(one->requester, requester, KM_SUBJECT_BYTES);
	return save(v, &p, event);
}

km_rc permit_find(struct vault *v, unsigned act, const uint8_t requester[KM_SUBJECT_BYTES])
{
	struct permits p;
	km_rc rc = load(v, &p);

	if (rc != KM_OK)
		return rc;
	return find_good(&p, act, requester) ? KM_OK : KM_ENOTFOUND;
}

km_rc permit_use(struct vault *v, unsigned act, const uint8_t requester[KM_SUBJECT_BYTES])
{
	struct permits p;
	struct permit *one;
	km_rc rc = load(v, &p);

	if (rc != KM_OK)
		return rc;
	one = find_good(&p, act, requester);
	if (!one)
		return KM_ENOTFOUND;
	if (!one->once)
		return KM_OK;
	*one = p.at[--p.count];
	return save(v, &p, NULL);
}
