/* The rows of a bundle, between the store and bundle.c. */
#ifndef KENMON_VAULT_STORE_BUNDLE_H
#define KENMON_VAULT_STORE_BUNDLE_H

#include <kenmon/copy.h>
#include <kenmon/store.h>

/* How many there are, and which cursors were ever given. */
KM_MUST_CHECK km_rc store_bundle_count(struct km_store *s, struct km_bundle *out);

struct bundle_sink {
	km_rc (*put)(void *arg, const uint8_t *row, size_t len);
	void *arg;
};
/* All of them, as they lie in a bundle. KM_EAGAIN: one is wrapped under another KEK. */
KM_MUST_CHECK km_rc store_bundle_rows(struct km_store *s, const struct km_bundle *b,
				      const struct bundle_sink *sink);

#endif
