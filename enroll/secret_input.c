/* Reading secrets: base32 and hex, from a file or from standard input. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kenmon/hex.h>

#include "secret_input.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void desk_base32(const uint8_t *bytes, size_t len, char *out)
{
	unsigned bits = 0, held = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		held = held << 8 | bytes[i];
		bits += 8;
		while (bits >= 5) {
			bits -= 5;
			*out++ = alphabet[held >> bits & 31];
		}
	}
	if (bits)
		*out++ = alphabet[held << (5 - bits) & 31];
	*out = '\0';
}

static int base32_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static km_rc wrong(struct desk *d, enum desk_text id, size_t number, const char *what)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", number);
	return desk_because(d, KM_EINVAL, id, text, what);
}

/* What the two notations differ in. */
struct notation {
	const char *name;
	unsigned bits;
	int (*value)(char c);
};

static const struct notation base32 = { "base32 (A to Z, 2 to 7)", 5, base32_value };
static const struct notation hex = { "hexadecimal (0 to 9, a to f)", 4, km_hex_value };

/* Characters beyond the cap are still checked, so that the size can be named. */
static km_rc decode(struct desk *d, const struct notation *n, const char *text, size_t from,
		    size_t len, struct km_secret *out, size_t *bytes)
{
	unsigned bits = 0, held = 0;
	size_t i, digits = 0, padding = 0;

	*bytes = 0;
	for (i = from; i < len; i++) {
		int value = n->value(text[i]);

		if (is_blank(text[i]) || text[i] == '-')
			continue;
		if (n == &base32 && text[i] == '=' && digits && ++padding <= 6)
			continue;
		if (value < 0 || padding)
			return wrong(d, DESK_SECRET_CHARACTER, i + 1, n->name);
		digits++;
		held = (held << n->bits | (unsigned)value) & 0xfff;
		bits += n->bits;
		if (bits >= 8) {
			bits -= 8;
			if (*bytes < KM_SECRET_MAX)
				out->bytes[*bytes] = (uint8_t)(held >> bits);
			(*bytes)++;
		}
	}
	/* A whole number of bytes leaves less than one character's worth of bits. */
	if (bits >= n->bits)
		return wrong(d, DESK_SECRET_CUT, len, NULL);
	return KM_OK;
}

km_rc desk_secret_parse(struct desk *d, const char *text, size_t len, struct km_secret *out)
{
	struct km_secret found KM_SECRET = { 0 };
	const struct notation *n = &base32;
	size_t from = 0, bytes = 0;
	km_rc rc;

	while (len && is_blank(text[len - 1]))
		len--;
	while (from < len && is_blank(text[from]))
		from++;
	if (len - from >= 4 && strncasecmp(text + from, "hex:", 4) == 0) {
		n = &hex;
		from += 4;
	}
	rc = decode(d, n, text, from, len, &found, &bytes);
	if (rc != KM_OK)
		return rc;
	if (bytes < DESK_SECRET_LEAST || bytes > DESK_SECRET_MOST)
		return wrong(d, DESK_SECRET_SIZE, bytes, NULL);
	return km_secret_set(out, found.bytes, bytes);
}

static km_rc open_file(struct desk *d, const char *path, int *fd)
{
	struct stat st;

	/* Not blocking: a FIFO planted at the path must not hold us before it is refused. */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0)
		return desk_because(d, KM_EINVAL, DESK_SECRET_OPEN, path, strerror(errno));
	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode))
		return KM_OK;
	close(*fd);
	return desk_because(d, KM_EINVAL, DESK_SECRET_REGULAR, path, NULL);
}

km_rc desk_secret_read(struct desk *d, const char *path, struct km_secret *out)
{
	bool from_in = strcmp(path, "-") == 0;
	size_t len = 0;
	ssize_t n = 1;
	char *text;
	int fd = d->in;
	km_rc rc = from_in ? KM_OK : open_file(d, path, &fd);

	if (rc != KM_OK)
		return rc;
	text = km_locked_new(DESK_SECRET_FILE + 1);
	while (text && len <= DESK_SECRET_FILE && n != 0) {
		n = read(fd, text + len, DESK_SECRET_FILE + 1 - len);
		if (n < 0 && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	if (!text)
		rc = KM_ENOMEM;
	else if (n < 0)
		rc = desk_because(d, KM_EINVAL, DESK_SECRET_OPEN, path, strerror(errno));
	else if (len > DESK_SECRET_FILE)
		rc = wrong(d, DESK_SECRET_LONG, DESK_SECRET_FILE, NULL);
	else
		rc = desk_secret_parse(d, text, len, out);
	km_locked_free(text, DESK_SECRET_FILE + 1);
	if (from_in)
		d->in = -1; /* questions go to the terminal, or to nobody */
	else
		close(fd);
	return rc;
}
