/*
 * Backups and differences as files of the desk's user: reading, verifying, writing.
 * include/kenmon/copy.h says what they look like. Nothing of it is opened here: what is in them
 * is sealed, and their keys are elsewhere.
 */
#ifndef KENMON_DESK_COPY_FILE_H
#define KENMON_DESK_COPY_FILE_H

#include <openssl/evp.h>

#include <kenmon/copy.h>

#include "commands.h"

/* A full backup that was read to its end and holds. */
struct copy_file {
	const char *name;
	int fd;
	struct km_copy copy;
	uint8_t digest[KM_COPY_DIGEST]; /* of its header */
};
#define COPY_FILE __attribute__((cleanup(copy_file_close)))
void copy_file_close(struct copy_file *f);
/* KM_EINVAL, with the reason in d: it cannot be read, was changed or cut short, or is none. */
KM_MUST_CHECK km_rc copy_file_open(struct desk *d, const char *name, struct copy_file *out);

/* Is the header signed by the key in it? */
KM_MUST_CHECK bool copy_signed(const struct km_copy *copy);
KM_MUST_CHECK bool copy_digest(const void *bytes, size_t len, uint8_t out[KM_COPY_DIGEST]);

/* The databases of a backup, page by page in order: digested, and compared in the end. */
struct copy_pages {
	const struct km_copy *copy;
	EVP_MD_CTX *ctx;
	unsigned file; /* whose page is next */
	uint32_t page; /* its number in there */
	bool failed;
};
KM_MUST_CHECK km_rc copy_pages_begin(struct copy_pages *p, const struct km_copy *copy);
/* KM_ECORRUPT: a page too many, or the file that ends with it is not the one of the header. */
KM_MUST_CHECK km_rc copy_pages_take(struct copy_pages *p, const uint8_t page[KM_COPY_PAGE]);
bool copy_pages_whole(const struct copy_pages *p);
void copy_pages_end(struct copy_pages *p);

/* One page of a full backup. KM_ENOTFOUND: it has none of this number. */
KM_MUST_CHECK km_rc copy_file_page(const struct copy_file *f, unsigned file, uint32_t page,
				   uint8_t out[KM_COPY_PAGE]);

/*
 * Reads a difference on its full backup to the end, and writes the backup that they make
 * together to a descriptor (-1: nowhere). KM_EINVAL as above.
 */
KM_MUST_CHECK km_rc copy_merge(struct desk *d, const char *name, const struct copy_file *full,
			       int to, struct km_copy *out);

/* A new file that gets its name when it is complete. Gone with copy_new_end() unless it did. */
struct copy_new {
	const char *name;
	char temporary[4096]; /* its name until then where the file system wants one; else "" */
	int fd;
};
KM_MUST_CHECK km_rc copy_new_begin(struct desk *d, struct copy_new *n);
KM_MUST_CHECK km_rc copy_new_write(struct desk *d, const struct copy_new *n, const void *bytes,
				   size_t len);
/* Durable, and under its name, which nothing else has. */
KM_MUST_CHECK km_rc copy_new_finish(struct desk *d, struct copy_new *n);
void copy_new_end(struct copy_new *n);
#define COPY_NEW __attribute__((cleanup(copy_new_end)))

/* Exactly so many bytes. */
KM_MUST_CHECK bool copy_read(int fd, void *bytes, size_t len);
KM_MUST_CHECK bool copy_write(int fd, const void *bytes, size_t len);

#endif
