/*
 * Where keys come from: the master key's file and what is derived; KEKs are in kek.c.
 *
 * Keys are made only in a folder that never held anything: a lost key must
 * not be replaced by a new one that opens nothing, nor by one that anybody
 * could know.
 */
#include "keys_internal.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

/* What only the opening needs; in locked memory, gone when km_keys_open returns. */
struct scratch {
	uint8_t master[KM_KEY_BYTES];
};

/* Where the key file lies. */
struct place {
	int state, folder; /* the same folder unless the key came from elsewhere */
	enum file_trust trust;
	char name[NAME_MAX + 1];
};

static void scratch_free(struct scratch **s)
{
	km_locked_free(*s, sizeof(**s));
}

static void place_close(struct place *p)
{
	file_close(&p->folder);
	file_close(&p->state);
}

/* --- what the state folder holds ------------------------------------------ */

struct found {
	bool key, databases;
	uint32_t kek[KEK_COUNT];
};

static km_rc look(const struct place *p, int keks, struct found *found)
{
	static const char *const databases[] = { KM_VAULT_FILE, KM_IDENTITY_FILE };
	int fd FILE_CLOSE = -1;
	bool there = false;
	km_rc rc = file_open(p->folder, p->name, p->trust, &fd);

	if (rc && rc != KM_ENOTFOUND)
		return rc;
	found->key = !rc;
	rc = kek_find(keks, found->kek);
	for (size_t i = 0; !rc && i < sizeof(databases) / sizeof(*databases); i++) {
		rc = file_present(p->state, databases[i], &there, NULL);
		found->databases |= !rc && there;
	}
	return rc;
}

static bool same_folder(int a, int b)
{
	struct stat sa, sb;

	return !fstat(a, &sa) && !fstat(b, &sb) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* Only a folder elsewhere, named from the root, may be one of systemd's credentials. */
static km_rc find_place(const char *dir, const char *key_path, struct place *p)
{
	const char *slash = strrchr(key_path, '/'), *name = slash ? slash + 1 : key_path;
	char folder[PATH_MAX];
	km_rc rc = file_folder(dir, FILE_OURS, &p->state);

	if (rc)
		return rc;
	if (!*name || strlen(name) >= sizeof(p->name) || strlen(key_path) >= sizeof(folder))
		return KM_EINVAL;
	memcpy(p->name, name, strlen(name) + 1);
	if (!slash)
		return file_folder(dir, FILE_OURS, &p->folder);
	memcpy(folder, key_path, (size_t)(slash - key_path));
	folder[slash - key_path] = '\0';
	if (slash == key_path)
		return KM_EPERM; /* the root folder is nobody's place for a key */
	p->trust = *key_path == '/' ? FILE_CREDENTIAL : FILE_OURS;
	rc = file_folder(folder, p->trust, &p->folder);
	if (!rc && p->trust == FILE_CREDENTIAL && same_folder(p->state, p->folder))
		p->trust = FILE_OURS;
	return rc;
}

/* --- deriving ------------------------------------------------------------- */

km_rc keys_hkdf(const void *secret, size_t secret_len, const void *salt, size_t salt_len,
		const char *info, void *out, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	char digest[] = "SHA256", label[64];
	uint8_t key[64], with[64];
	size_t label_len = strlen(info);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, secret_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, label, label_len),
		salt ? OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, with, salt_len)
		     : OSSL_PARAM_construct_end(),
		OSSL_PARAM_construct_end(),
	};
	bool ok = false;

	if (ctx && label_len < sizeof(label) && secret_len <= sizeof(key) &&
	    salt_len <= sizeof(with)) {
		memcpy(key, secret, secret_len);
		if (salt)
			memcpy(with, salt, salt_len);
		memcpy(label, info, label_len);
		ok = EVP_KDF_derive(ctx, out, len, params) > 0;
	}
	km_wipe(key, sizeof(key));
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok ? KM_OK : KM_ENOMEM;
}

km_rc keys_derive_all(struct km_keys *keys, const uint8_t master[KM_KEY_BYTES])
{
	const struct {
		const char *info;
		uint8_t *out;
	} table[] = {
		{ "kenmon kek 1", keys->sealing },
		{ "kenmon vault.db tags 1", keys->tag_vault },
		{ "kenmon identity.db tags 1", keys->tag_identity },
		{ "kenmon audit head 1", keys->head },
		{ "kenmon vault.db rows 1", keys->rows },
	};
	km_rc rc = KM_OK;

	for (size_t i = 0; !rc && i < sizeof(table) / sizeof(*table); i++)
		rc = keys_hkdf(master, KM_KEY_BYTES, NULL, 0, table[i].info, table[i].out,
			       KM_KEY_BYTES);
	return rc ? rc : keys_begin(keys);
}

km_rc keys_new_contexts(struct km_keys *keys)
{
	km_rc rc = keys_use_mac(keys);

	keys->gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	keys->row = EVP_CIPHER_CTX_new();
	keys->wrap = EVP_CIPHER_CTX_new();
	if (!keys->gcm || !keys->row || !keys->wrap)
		return KM_ENOMEM;
	return rc;
}

/* --- the master key -------------------------------------------------------- */

static km_rc read_master(const struct place *p, struct scratch *s)
{
	static const uint8_t nothing[KM_KEY_BYTES];
	int fd FILE_CLOSE = -1;
	km_rc rc = file_open(p->folder, p->name, p->trust, &fd);

	if (!rc)
		rc = file_read(fd, s->master, sizeof(s->master));
	/* A sparse or wiped file is a key that everybody knows. */
	if (!rc && km_equal(s->master, sizeof(nothing), nothing, sizeof(nothing)))
		rc = KM_ECORRUPT;
	return rc;
}

static km_rc make_master(const struct place *p, struct scratch *s)
{
	km_rc rc = km_random(s->master, sizeof(s->master));

	if (!rc)
		rc = file_make(p->folder, p->name, s->master, sizeof(s->master));
	return rc;
}

km_rc keys_read_master(const char *dir, const char *key_path, uint8_t master[KM_KEY_BYTES])
{
	struct scratch *s __attribute__((cleanup(scratch_free))) = km_locked_new(sizeof(*s));
	struct place place __attribute__((cleanup(place_close))) = { .state = -1, .folder = -1 };
	km_rc rc = s ? find_place(dir, key_path, &place) : KM_ENOMEM;

	if (!rc)
		rc = read_master(&place, s);
	if (!rc)
		memcpy(master, s->master, KM_KEY_BYTES);
	return rc;
}

km_rc keys_make_master(const char *dir, const char *key_path, const uint8_t master[KM_KEY_BYTES])
{
	struct place place __attribute__((cleanup(place_close))) = { .state = -1, .folder = -1 };
	km_rc rc = find_place(dir, key_path, &place);

	return rc ? rc : file_make(place.folder, place.name, master, KM_KEY_BYTES);
}

/* --- opening -------------------------------------------------------------- */

/* Before the first KEK: it says that databases may be made. */
static km_rc mark_fresh(int folder)
{
	uint8_t chain[16];
	bool marked = false;
	km_rc rc = file_present(folder, KM_FRESH_FILE, &marked, NULL);

	if (rc || marked)
		return rc;
	rc = km_random(chain, sizeof(chain));
	return rc ? rc : file_make(folder, KM_FRESH_FILE, chain, sizeof(chain));
}

static km_rc load(const struct place *p, bool may_create, struct km_keys *keys, struct scratch *s)
{
	struct found found = { false };
	bool kek, make;
	km_rc rc = look(p, keys->kek_folder, &found);

	if (rc)
		return rc;
	kek = found.kek[KEK_NEWEST] != 0;
	/* Both there, or nothing at all but perhaps a key given by the administrator. */
	make = !kek && !found.databases && may_create;
	if (!make && (!found.key || !kek))
		return KM_ENOTFOUND;
	rc = found.key ? read_master(p, s) : make_master(p, s);
	if (!rc)
		rc = keys_derive_all(keys, s->master);
	if (!rc && make)
		rc = mark_fresh(p->state);
	if (!rc)
		rc = make ? kek_make_first(keys) : kek_load(keys, found.kek);
	return rc;
}

km_rc km_keys_open(const char *dir, const char *key_path, bool may_create, struct km_keys **out)
{
	struct scratch *s __attribute__((cleanup(scratch_free))) = km_locked_new(sizeof(*s));
	struct place place __attribute__((cleanup(place_close))) = { .state = -1, .folder = -1 };
	struct km_keys *keys;
	km_rc rc;

	if (!s)
		return KM_ENOMEM;
	if (may_create && mkdir(dir, 0700) && errno != EEXIST)
		return errno == EACCES || errno == EPERM ? KM_EPERM : KM_EIO;
	rc = find_place(dir, key_path, &place);
	if (rc)
		return rc;
	keys = km_locked_new(sizeof(*keys));
	if (!keys)
		return KM_ENOMEM;
	keys->kek_folder = -1;
	rc = kek_folder(dir, may_create, &keys->kek_folder);
	if (!rc)
		rc = keys_new_contexts(keys);
	if (!rc)
		rc = load(&place, may_create, keys, s);
	if (rc)
		km_keys_close(keys);
	else
		*out = keys;
	return rc;
}

void km_keys_close(struct km_keys *keys)
{
	if (!keys)
		return;
	EVP_MAC_CTX_free(keys->mac);
	EVP_CIPHER_CTX_free(keys->row);
	EVP_CIPHER_CTX_free(keys->wrap);
	for (int i = 0; i < KEK_COUNT; i++)
		keys_kek_free(&keys->kek[i]);
	file_close(&keys->kek_folder);
	EVP_CIPHER_free(keys->gcm);
	km_locked_free(keys, sizeof(*keys));
}

struct km_key_work km_keys_work(const struct km_keys *keys)
{
	return keys->work;
}
