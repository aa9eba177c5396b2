/*
 * Comparing fingerprints by their minutiae: pure computation. Nothing here
 * allocates, reads a clock, or depends on the machine: the same input gives the same
 * score everywhere (docs/MATCHING.md), in bounded time for any input.
 */
#ifndef KENMON_MATCHER_MATCH_H
#define KENMON_MATCHER_MATCH_H

#include <stddef.h>
#include <stdint.h>

#include <kenmon/finger.h>
#include <kenmon/minutiae.h>

/* One impression, prepared for comparing (print.c). */
struct print;
/*
 * What one comparison needs besides; of some hundred KiB, so the caller makes one and keeps it.
 * It need not be cleared before, and holds secrets after: wiping it is the caller's.
 */
struct match_work;

size_t print_size(void);
size_t match_work_size(void);

/* Prepares an impression. Any list that km_minutiae_decode() gives is good for it. */
void print_make(const struct km_minutiae *m, struct match_work *w, struct print *out);

/* How much these look like the same finger: thousandths, 0 undecided, more is likelier. */
int32_t print_compare(const struct print *a, const struct print *b, struct match_work *w);

/*
 * Fewer minutiae say nothing: a probe like that is poor, not a mismatch, and an impression like
 * that is like no other.
 */
#define MATCH_MINUTIAE_LEAST 8

/*
 * A template is what was seen of one finger in several impressions. As bytes (docs/MATCHING.md):
 * u8 version, u8 count, then count lists of minutiae (kenmon/minutiae.h).
 */
struct finger_template {
	unsigned count;
	struct km_minutiae impression[KM_IMPRESSIONS_MAX];
};

/* At most TEMPLATE_BYTES. KM_EPROTO as km_minutiae_decode(); also bytes after the last. */
#define TEMPLATE_BYTES (2 + KM_IMPRESSIONS_MAX * KM_MINUTIAE_BYTES)
KM_MUST_CHECK km_rc template_encode(const struct finger_template *t, uint8_t *out, size_t cap,
				    size_t *len);
KM_MUST_CHECK km_rc template_decode(const uint8_t *in, size_t len, struct finger_template *t);

/*
 * A gallery: every impression that a probe is compared with at one login, prepared. The rate of
 * false matches holds for all of it together, so the threshold depends on how many there are.
 */
#define GALLERY_MAX (KM_GRANT_TEMPLATES * KM_IMPRESSIONS_MAX) /* impressions */
struct gallery;
size_t gallery_size(unsigned impressions);
void gallery_init(struct gallery *g);
/* Prepares the impressions of template number `index`; those beyond GALLERY_MAX are left out. */
void gallery_add(struct gallery *g, unsigned index, const struct finger_template *t,
		 struct match_work *w);

struct match_finding {
	enum km_match outcome;
	unsigned index; /* of the template */
	int32_t score;  /* of that template: its best impression's and half of its second's */
};

/* Compares the likeliest impressions first and stops at the first match. */
void gallery_search(const struct gallery *g, const struct km_minutiae *probe, struct match_work *w,
		    struct match_finding *out);

#endif
