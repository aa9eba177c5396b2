/* Backups as files: whole ones, and what differs from one; see copy_file.h. */
#include "copy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kenmon/signature.h>

bool copy_read(int fd, void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, (char *)bytes + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

bool copy_write(int fd, const void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, (const char *)bytes + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* --- what holds ---------------------------------------------------------------------------- */

bool copy_digest(const void *bytes, size_t len, uint8_t out[KM_COPY_DIGEST])
{
	return EVP_Digest(bytes, len, out, NULL, EVP_sha256(), NULL) == 1;
}

bool copy_signed(const struct km_copy *copy)
{
	uint8_t message[KM_COPY_MESSAGE];

	km_copy_message(copy, message);
	return km_signature_verify(copy->public, message, sizeof(message), copy->signature) ==
	       KM_OK;
}

km_rc copy_pages_begin(struct copy_pages *p, const struct km_copy *copy)
{
	*p = (struct copy_pages){ .copy = copy, .ctx = EVP_MD_CTX_new() };
	return p->ctx && EVP_DigestInit_ex2(p->ctx, EVP_sha256(), NULL) == 1 ? KM_OK : KM_ENOMEM;
}

/* The end of a file. */
static km_rc close_file(struct copy_pages *p)
{
	uint8_t found[KM_COPY_DIGEST];

	if (EVP_DigestFinal_ex(p->ctx, found, NULL) != 1)
		return KM_ENOMEM;
	if (memcmp(found, p->copy->digest[p->file], sizeof(found)) != 0)
		return KM_ECORRUPT;
	p->page = 0;
	if (++p->file == KM_COPY_FILES)
		return KM_OK;
	return EVP_DigestInit_ex2(p->ctx, EVP_sha256(), NULL) == 1 ? KM_OK : KM_ENOMEM;
}

km_rc copy_pages_take(struct copy_pages *p, const uint8_t page[KM_COPY_PAGE])
{
	if (copy_pages_whole(p))
		return KM_ECORRUPT;
	if (EVP_DigestUpdate(p->ctx, page, KM_COPY_PAGE) != 1)
		return KM_ENOMEM;
	p->page++;
	return p->page == p->copy->size[p->file] / KM_COPY_PAGE ? close_file(p) : KM_OK;
}

bool copy_pages_whole(const struct copy_pages *p)
{
	return p->file == KM_COPY_FILES;
}

void copy_pages_end(struct copy_pages *p)
{
	EVP_MD_CTX_free(p->ctx);
	p->ctx = NULL;
}

/* --- a full one ------------------------------------------------------------------------------ */

static km_rc changed(struct desk *d, const char *name)
{
	return desk_because(d, KM_EINVAL, DESK_COPY_CHANGED, name, NULL);
}

static km_rc open_one(struct desk *d, const char *name, int *fd)
{
	*fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return *fd < 0 ? desk_because(d, KM_EINVAL, DESK_COPY_OPEN, name, strerror(errno)) : KM_OK;
}

static bool at_end(int fd)
{
	uint8_t more;

	return read(fd, &more, 1) == 0;
}

void copy_file_close(struct copy_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

static km_rc read_pages(const struct copy_file *f)
{
	uint8_t page[KM_COPY_PAGE];
	struct copy_pages p;
	km_rc rc = copy_pages_begin(&p, &f->copy);

	while (rc == KM_OK && !copy_pages_whole(&p))
		rc = copy_read(f->fd, page, sizeof(page)) ? copy_pages_take(&p, page) : KM_ECORRUPT;
	copy_pages_end(&p);
	return rc == KM_OK && !at_end(f->fd) ? KM_ECORRUPT : rc;
}

km_rc copy_file_open(struct desk *d, const char *name, struct copy_file *out)
{
	struct copy_file f = { .name = name };
	uint8_t header[KM_COPY_HEADER];
	km_rc rc = open_one(d, name, &f.fd);

	if (rc != KM_OK)
		return rc;
	if (!copy_read(f.fd, header, sizeof(header)))
		rc = KM_ECORRUPT;
	else if (memcmp(header, KM_DIFF_MAGIC, KM_COPY_MAGIC_BYTES) == 0)
		rc = desk_because(d, KM_EINVAL, DESK_COPY_IS_DIFFERENCE, name, NULL);
	else if (km_copy_unpack(header, &f.copy) != KM_OK || !copy_signed(&f.copy) ||
		 !copy_digest(header, sizeof(header), f.digest))
		rc = KM_ECORRUPT;
	if (rc == KM_OK)
		rc = read_pages(&f);
	if (rc != KM_OK) {
		copy_file_close(&f);
		return rc == KM_ECORRUPT ? changed(d, name) : rc;
	}
	*out = f;
	return KM_OK;
}

km_rc copy_file_page(const struct copy_file *f, unsigned file, uint32_t page,
		     uint8_t out[KM_COPY_PAGE])
{
	uint64_t at = KM_COPY_HEADER + (file ? f->copy.size[0] : 0);

	if (page >= f->copy.size[file] / KM_COPY_PAGE)
		return KM_ENOTFOUND;
	at += (uint64_t)page * KM_COPY_PAGE;
	return pread(f->fd, out, KM_COPY_PAGE, (off_t)at) == KM_COPY_PAGE ? KM_OK : KM_EIO;
}

/* --- a difference --------------------------------------------------------------------------------
 */

/* The next page that differs; file KM_COPY_FILES: there is none any more. */
struct entry {
	uint32_t left;
	unsigned file;
	uint32_t page;
};

static bool next_entry(int fd, struct entry *e)
{
	uint8_t bytes[KM_DIFF_ENTRY];

	e->file = KM_COPY_FILES;
	if (e->left == 0)
		return true;
	e->left--;
	if (!copy_read(fd, bytes, sizeof(bytes)) || bytes[0] >= KM_COPY_FILES)
		return false;
	e->file = bytes[0];
	e->page = (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 8 |
		  bytes[4];
	return true;
}

/* Entries come in the order of the pages, so one that comes too late is never reached. */
static km_rc merge_pages(int fd, const struct copy_file *full, struct copy_pages *p, uint32_t count,
			 int to)
{
	struct entry e = { .left = count };
	uint8_t page[KM_COPY_PAGE];
	km_rc rc = next_entry(fd, &e) ? KM_OK : KM_ECORRUPT;

	while (rc == KM_OK && !copy_pages_whole(p)) {
		if (e.file == p->file && e.page == p->page) {
			if (!copy_read(fd, page, sizeof(page)) || !next_entry(fd, &e))
				return KM_ECORRUPT;
		} else
			rc = copy_file_page(full, p->file, p->page, page);
		if (rc == KM_OK && to >= 0 && !copy_write(to, page, sizeof(page)))
			rc = KM_EIO;
		if (rc == KM_OK)
			rc = copy_pages_take(p, page);
	}
	if (rc == KM_ENOTFOUND || (rc == KM_OK && (e.file != KM_COPY_FILES || !at_end(fd))))
		return KM_ECORRUPT;
	return rc;
}

static km_rc merge(struct desk *d, int fd, const char *name, const struct copy_file *full, int to,
		   struct km_diff *diff)
{
	uint8_t header[KM_DIFF_HEADER], packed[KM_COPY_HEADER];
	struct copy_pages p = { .ctx = NULL };
	km_rc rc;

	if (!copy_read(fd, header, sizeof(header)) || km_diff_unpack(header, diff) != KM_OK ||
	    !copy_signed(&diff->copy))
		return KM_ECORRUPT;
	if (memcmp(diff->full, full->digest, sizeof(diff->full)) != 0)
		return desk_because(d, KM_EINVAL, DESK_COPY_OTHER_FULL, name, full->name);
	km_copy_pack(&diff->copy, packed);
	if (to >= 0 && !copy_write(to, packed, sizeof(packed)))
		return KM_EIO;
	rc = copy_pages_begin(&p, &diff->copy);
	if (rc == KM_OK)
		rc = merge_pages(fd, full, &p, diff->count, to);
	copy_pages_end(&p);
	return rc;
}

km_rc copy_merge(struct desk *d, const char *name, const struct copy_file *full, int to,
		 struct km_copy *out)
{
	struct km_diff diff;
	int fd = -1;
	km_rc rc = open_one(d, name, &fd);

	if (rc != KM_OK)
		return rc;
	rc = merge(d, fd, name, full, to, &diff);
	close(fd);
	if (rc == KM_OK)
		*out = diff.copy;
	return rc == KM_ECORRUPT ? changed(d, name) : rc;
}
