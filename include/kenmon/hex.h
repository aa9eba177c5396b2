/* Bytes as hexadecimal digits, and back. */
#ifndef KENMON_HEX_H
#define KENMON_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for so many bytes as text, with its NUL. */
#define KM_HEX(bytes) (2 * (bytes) + 1)

/* Lower-case, into KM_HEX(len) characters; returns out. */
const char *km_hex(const uint8_t *bytes, size_t len, char *out);

/* What a digit of either case stands for; -1: it is none. */
int km_hex_value(char c);

/* The first 2 * len characters of text; false, and out as it was, where one is no digit. */
bool km_hex_parse(const char *text, uint8_t *out, size_t len);

#endif
