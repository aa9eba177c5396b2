/* The detached signature of a roster, in one of three notations. */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kenmon/hex.h>
#include <kenmon/sock.h>

#include "roster_send.h"

#define HEX    (2 * ROSTER_SIGNATURE)
#define BASE64 88  /* of 64 bytes, two '=' at the end */
#define TEXT   512 /* room for line breaks */

static bool from_base64(const char *text, uint8_t out[ROSTER_SIGNATURE])
{
	uint8_t bytes[BASE64 / 4 * 3];

	if (text[BASE64 - 1] != '=' || text[BASE64 - 2] != '=' ||
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") !=
		BASE64 - 2 ||
	    EVP_DecodeBlock(bytes, (const uint8_t *)text, BASE64) != (int)sizeof(bytes))
		return false;
	memcpy(out, bytes, ROSTER_SIGNATURE);
	return true;
}

static bool from_text(const char *bytes, size_t len, uint8_t out[ROSTER_SIGNATURE])
{
	char text[TEXT + 1];
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (!bytes[i] || !strchr(" \t\r\n", bytes[i]))
			text[n++] = bytes[i];
	text[n] = '\0';
	return (n == HEX && km_hex_parse(text, out, ROSTER_SIGNATURE)) ||
	       (n == BASE64 && from_base64(text, out));
}

km_rc sheet_signature_read(struct desk *d, int fd, const char *path, uint8_t out[ROSTER_SIGNATURE])
{
	char bytes[TEXT + 1];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return desk_because(d, KM_EINVAL, DESK_ROSTER_SIGNATURE_REGULAR, path, NULL);
	n = TEMP_FAILURE_RETRY(read(fd, bytes, sizeof(bytes)));
	if (n == ROSTER_SIGNATURE) {
		memcpy(out, bytes, ROSTER_SIGNATURE);
		return KM_OK;
	}
	if (n > 0 && n <= TEXT && from_text(bytes, (size_t)n, out))
		return KM_OK;
	return desk_because(d, KM_EINVAL, DESK_ROSTER_SIGNATURE_FORM, path, NULL);
}
