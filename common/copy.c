/* Headers of the files that leave the machine; see copy.h. */
#include <string.h>

#include <kenmon/copy.h>

/* --- bytes, one after the other --------------------------------------------------- */

static uint8_t *put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0;)
		*at++ = (uint8_t)(value >> (8 * i));
	return at;
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

static uint64_t get(const uint8_t **at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | *(*at)++;
	return value;
}

static void get_bytes(const uint8_t **at, void *out, size_t len)
{
	memcpy(out, *at, len);
	*at += len;
}

/* --- a copy -------------------------------------------------------------------------- */

static uint8_t *pack_signed(const struct km_copy *c, uint8_t *at)
{
	at = put_bytes(at, KM_COPY_MAGIC, KM_COPY_MAGIC_BYTES);
	at = put_bytes(at, c->chain, sizeof(c->chain));
	at = put(at, c->seq, 8);
	at = put_bytes(at, c->hash, sizeof(c->hash));
	at = put(at, (uint64_t)c->wall, 8);
	at = put(at, c->epoch, 4);
	for (unsigned i = 0; i < KM_COPY_FILES; i++) {
		at = put(at, c->size[i], 8);
		at = put_bytes(at, c->digest[i], KM_COPY_DIGEST);
	}
	at = put(at, c->generation, 4);
	return put_bytes(at, c->public, sizeof(c->public));
}

void km_copy_pack(const struct km_copy *c, uint8_t out[KM_COPY_HEADER])
{
	put_bytes(pack_signed(c, out), c->signature, sizeof(c->signature));
}

void km_copy_message(const struct km_copy *c, uint8_t out[KM_COPY_MESSAGE])
{
	pack_signed(c, put_bytes(out, KM_COPY_LABEL, sizeof(KM_COPY_LABEL)));
}

/* Whole pages, at least one, and no more than can be. */
static bool is_size(uint64_t size)
{
	return size > 0 && size % KM_COPY_PAGE == 0 && size <= KM_COPY_MOST;
}

km_rc km_copy_unpack(const uint8_t bytes[KM_COPY_HEADER], struct km_copy *out)
{
	const uint8_t *at = bytes + KM_COPY_MAGIC_BYTES;
	struct km_copy c;

	if (memcmp(bytes, KM_COPY_MAGIC, KM_COPY_MAGIC_BYTES) != 0)
		return KM_ECORRUPT;
	get_bytes(&at, c.chain, sizeof(c.chain));
	c.seq = get(&at, 8);
	get_bytes(&at, c.hash, sizeof(c.hash));
	c.wall = (int64_t)get(&at, 8);
	c.epoch = (uint32_t)get(&at, 4);
	for (unsigned i = 0; i < KM_COPY_FILES; i++) {
		c.size[i] = get(&at, 8);
		get_bytes(&at, c.digest[i], KM_COPY_DIGEST);
	}
	c.generation = (uint32_t)get(&at, 4);
	get_bytes(&at, c.public, sizeof(c.public));
	get_bytes(&at, c.signature, sizeof(c.signature));
	if (!is_size(c.size[KM_COPY_VAULT]) || !is_size(c.size[KM_COPY_IDENTITY]) || c.epoch == 0 ||
	    c.generation == 0)
		return KM_ECORRUPT;
	*out = c;
	return KM_OK;
}

uint64_t km_copy_total(const struct km_copy *c)
{
	return KM_COPY_HEADER + c->size[KM_COPY_VAULT] + c->size[KM_COPY_IDENTITY];
}

/* --- a difference ------------------------------------------------------------------------ */

void km_diff_pack(const struct km_diff *d, uint8_t out[KM_DIFF_HEADER])
{
	uint8_t *at = put_bytes(out, KM_DIFF_MAGIC, KM_COPY_MAGIC_BYTES);

	at = put_bytes(at, d->full, sizeof(d->full));
	km_copy_pack(&d->copy, at);
	put(at + KM_COPY_HEADER, d->count, 4);
}

km_rc km_diff_unpack(const uint8_t bytes[KM_DIFF_HEADER], struct km_diff *out)
{
	const uint8_t *at = bytes + KM_COPY_MAGIC_BYTES;
	struct km_diff d;
	km_rc rc;

	if (memcmp(bytes, KM_DIFF_MAGIC, KM_COPY_MAGIC_BYTES) != 0)
		return KM_ECORRUPT;
	get_bytes(&at, d.full, sizeof(d.full));
	rc = km_copy_unpack(at, &d.copy);
	if (rc != KM_OK)
		return rc;
	at += KM_COPY_HEADER;
	d.count = (uint32_t)get(&at, 4);
	*out = d;
	return KM_OK;
}

/* --- a bundle ------------------------------------------------------------------------------ */

void km_bundle_pack(const struct km_bundle *b, uint8_t out[KM_BUNDLE_HEADER])
{
	uint8_t *at = put_bytes(out, KM_BUNDLE_MAGIC, KM_COPY_MAGIC_BYTES);

	at = put_bytes(at, b->chain, sizeof(b->chain));
	at = put(at, b->generation, 4);
	at = put(at, (uint64_t)b->wall, 8);
	at = put(at, b->seq, 8);
	at = put(at, b->upto, 8);
	at = put(at, b->subjects, 4);
	at = put(at, b->months, 4);
	at = put(at, b->fingers, 4);
	at = put_bytes(at, b->ephemeral, sizeof(b->ephemeral));
	put_bytes(at, b->escrow, sizeof(b->escrow));
}

km_rc km_bundle_unpack(const uint8_t bytes[KM_BUNDLE_HEADER], struct km_bundle *out)
{
	const uint8_t *at = bytes + KM_COPY_MAGIC_BYTES;
	struct km_bundle b;

	if (memcmp(bytes, KM_BUNDLE_MAGIC, KM_COPY_MAGIC_BYTES) != 0)
		return KM_ECORRUPT;
	get_bytes(&at, b.chain, sizeof(b.chain));
	b.generation = (uint32_t)get(&at, 4);
	b.wall = (int64_t)get(&at, 8);
	b.seq = get(&at, 8);
	b.upto = get(&at, 8);
	b.subjects = (uint32_t)get(&at, 4);
	b.months = (uint32_t)get(&at, 4);
	b.fingers = (uint32_t)get(&at, 4);
	get_bytes(&at, b.ephemeral, sizeof(b.ephemeral));
	get_bytes(&at, b.escrow, sizeof(b.escrow));
	if (b.generation == 0 || b.subjects > KM_BUNDLE_MOST || b.months > KM_BUNDLE_MOST ||
	    b.fingers > KM_BUNDLE_MOST)
		return KM_ECORRUPT;
	*out = b;
	return KM_OK;
}

size_t km_bundle_total(const struct km_bundle *b)
{
	return KM_BUNDLE_HEADER + KM_BUNDLE_KEYS + (size_t)b->subjects * KM_BUNDLE_SUBJECT +
	       (size_t)b->months * KM_BUNDLE_MONTH + (size_t)b->fingers * KM_BUNDLE_FINGER +
	       KM_BUNDLE_TAG;
}
