#include <kenmon/hex.h>

const char *km_hex(const uint8_t *bytes, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * len] = '\0';
	return out;
}

int km_hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool km_hex_parse(const char *text, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < 2 * len; i++)
		if (km_hex_value(text[i]) < 0) /* of NUL, too */
			return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(km_hex_value(text[2 * i]) * 16 + km_hex_value(text[2 * i + 1]));
	return true;
}
