/* Files of the configuration, read whole and with distrust; for conf.c. */
#ifndef KENMON_COMMON_CONF_FILE_H
#define KENMON_COMMON_CONF_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <kenmon/conf.h>

#define KM_CONF_DROP_INS 256 /* files in kenmon.conf.d */

struct km_conf_text {
	char *bytes; /* the caller's, to free; NULL: there is no such file */
	size_t len;
};

/* Fills *error for path as a whole or one line of it. Returns rc. See KM_CONF_FAIL. */
km_rc km_conf_fail(struct km_conf_error *error, km_rc rc, const char *path, int line,
		   enum km_fault_number number, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* KM_CONF_FAIL(error, KM_EIO, path, 0, OPEN, strerror(errno)) */
#define KM_CONF_FAIL(error, rc, path, line, NAME, ...)                                             \
	km_conf_fail(error, rc, path, line, KM_FAULT_##NAME, km_fault_##NAME, ##__VA_ARGS__)

/*
 * Reads a file of at most KM_CONF_BYTES. Refused, as KM_ECONF: what is no
 * regular file, and a file or a folder that everybody can write.
 */
KM_MUST_CHECK km_rc km_conf_load(const char *path, bool must_exist, struct km_conf_text *out,
				 struct km_conf_error *error);

/* Calls take for each *.conf in folder, in lexical order, until one fails. No folder: nothing. */
KM_MUST_CHECK km_rc km_conf_drop_ins(const char *folder, km_rc (*take)(void *arg, const char *path),
				     void *arg, struct km_conf_error *error);

#endif
