/* Anchors as lines of text, and back. */
#include <inttypes.h>
#include <stdio.h>

#include <kenmon/anchor.h>
#include <kenmon/hex.h>

bool km_anchor_same(const struct km_anchor *a, const struct km_anchor *b)
{
	return a->seq == b->seq && memcmp(a->hash, b->hash, sizeof(a->hash)) == 0 &&
	       memcmp(a->chain, b->chain, sizeof(a->chain)) == 0;
}

/* --- writing ------------------------------------------------------------------ */

void km_anchor_format(const struct km_anchor *a, char out[KM_ANCHOR_LINE])
{
	char chain[2 * sizeof(a->chain) + 1], hash[2 * sizeof(a->hash) + 1];
	char public[2 * sizeof(a->public) + 1], signature[2 * sizeof(a->signature) + 1];

	snprintf(out, KM_ANCHOR_LINE, "%s %" PRIu64 " %s %" PRId64 " %" PRIu32 " %s %s",
		 km_hex(a->chain, sizeof(a->chain), chain), a->seq,
		 km_hex(a->hash, sizeof(a->hash), hash), a->wall, a->generation,
		 km_hex(a->public, sizeof(a->public), public),
		 km_hex(a->signature, sizeof(a->signature), signature));
}

/* --- reading ------------------------------------------------------------------ */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(const char **at, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int high = hex_value((*at)[0]);
		int low = high < 0 ? -1 : hex_value((*at)[1]);

		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
		*at += 2;
	}
	return true;
}

static bool take_number(const char **at, uint64_t most, uint64_t *out)
{
	const char *start = *at;
	uint64_t value = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++) {
		uint64_t digit = (uint64_t)(**at - '0');

		if (value > (most - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return *at != start;
}

static bool take_wall(const char **at, int64_t *out)
{
	bool before = **at == '-';
	uint64_t value;

	*at += before;
	if (!take_number(at, INT64_MAX, &value))
		return false;
	*out = before ? -(int64_t)value : (int64_t)value;
	return true;
}

static bool take_blank(const char **at)
{
	return *(*at)++ == ' ';
}

km_rc km_anchor_parse(const char *line, struct km_anchor *out)
{
	struct km_anchor a = { .seq = 0 };
	uint64_t generation;

	if (!take_hex(&line, a.chain, sizeof(a.chain)) || !take_blank(&line) ||
	    !take_number(&line, INT64_MAX, &a.seq) || a.seq == 0 || !take_blank(&line) ||
	    !take_hex(&line, a.hash, sizeof(a.hash)) || !take_blank(&line) ||
	    !take_wall(&line, &a.wall) || !take_blank(&line) ||
	    !take_number(&line, UINT32_MAX, &generation) || !take_blank(&line) ||
	    !take_hex(&line, a.public, sizeof(a.public)) || !take_blank(&line) ||
	    !take_hex(&line, a.signature, sizeof(a.signature)) || *line != '\0')
		return KM_EPROTO;
	a.generation = (uint32_t)generation;
	*out = a;
	return KM_OK;
}
