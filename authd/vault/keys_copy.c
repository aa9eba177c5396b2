/*
 * Keys on their way out, in a bundle, and back in again. They are read from their
 * files for it: while the vault runs it has none of them in the clear.
 */
#include "copy.h"
#include "files.h"
#include "keys_internal.h"

#include <string.h>

_Static_assert(sizeof(((struct km_copied_keys *)0)->kek) == KM_KEK_BYTES, "of one KEK");
_Static_assert(KM_BUNDLE_KEYS == KM_KEY_BYTES + KM_KEK_BYTES, "copy.h says how much they are");

struct km_copied_keys *copied_keys_new(void)
{
	return km_locked_new(sizeof(struct km_copied_keys));
}

void copied_keys_free(struct km_copied_keys **keys)
{
	km_locked_free(*keys, sizeof(**keys));
	*keys = NULL;
}

/* Does this master key seal what ours does? Another file may lie there since the start. */
static km_rc is_ours(const struct km_keys *keys, const uint8_t master[KM_KEY_BYTES])
{
	struct km_subject_key sealing KM_SUBJECT_KEY = { { 0 } };
	km_rc rc = keys_hkdf(master, KM_KEY_BYTES, NULL, 0, "kenmon kek 1", sealing.bytes,
			     sizeof(sealing.bytes));

	if (rc)
		return rc;
	return km_equal(sealing.bytes, sizeof(sealing.bytes), keys->sealing, sizeof(keys->sealing))
		   ? KM_OK
		   : KM_ECORRUPT;
}

km_rc km_keys_copy(struct km_keys *keys, const char *dir, const char *key_path,
		   struct km_copied_keys *out)
{
	km_rc rc = keys_read_master(dir, key_path, out->master);

	if (!rc)
		rc = is_ours(keys, out->master);
	out->generation = km_keys_generation(keys);
	if (!rc)
		rc = kek_read(keys, out->generation, out->kek);
	if (rc)
		km_wipe(out, sizeof(*out));
	return rc;
}

static km_rc place_master(const char *dir, const char *key_path, const struct km_copied_keys *in)
{
	struct km_copied_keys *there COPIED_KEYS = copied_keys_new();
	km_rc rc = there ? keys_read_master(dir, key_path, there->master) : KM_ENOMEM;

	if (rc == KM_ENOTFOUND)
		return keys_make_master(dir, key_path, in->master);
	if (rc)
		return rc;
	return km_equal(there->master, KM_KEY_BYTES, in->master, KM_KEY_BYTES) ? KM_OK : KM_EEXIST;
}

static km_rc restore(const char *dir, const char *key_path, const struct km_copied_keys *in,
		     uint32_t next, struct km_keys *keys)
{
	km_rc rc = kek_folder(dir, false, &keys->kek_folder);

	if (!rc)
		rc = keys_new_contexts(keys);
	if (!rc)
		rc = keys_derive_all(keys, in->master);
	if (!rc)
		rc = keys_kek_new(in->kek, in->generation, &keys->kek[KEK_OLDER]);
	if (!rc)
		rc = place_master(dir, key_path, in);
	return rc ? rc : kek_make(keys, next);
}

km_rc km_keys_restore(const char *dir, const char *key_path, const struct km_copied_keys *in,
		      uint32_t next, struct km_keys **out)
{
	struct km_keys *keys = km_locked_new(sizeof(*keys));
	km_rc rc;

	if (!keys)
		return KM_ENOMEM;
	keys->kek_folder = -1;
	rc = restore(dir, key_path, in, next, keys);
	if (rc)
		km_keys_close(keys);
	else
		*out = keys;
	return rc;
}
