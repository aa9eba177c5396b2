/*
 * kenmon restore: verifying backups where they lie, and having the vault's program
 * make a state folder of them. The desk merges a difference with its full backup, and
 * opens neither database nor key: those it hands over by name.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kenmon/hex.h>
#include <kenmon/sock.h>

#include "copy_file.h"

#define PROGRAM "kenmon-vault"

/* --- verifying ------------------------------------------------------------------------------- */

static km_rc read_bundle(struct desk *d, const char *name, struct km_bundle *out)
{
	uint8_t header[KM_BUNDLE_HEADER];
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	off_t size;
	bool good;

	if (fd < 0)
		return desk_because(d, KM_EINVAL, DESK_COPY_OPEN, name, strerror(errno));
	size = lseek(fd, 0, SEEK_END);
	good = lseek(fd, 0, SEEK_SET) == 0 && copy_read(fd, header, sizeof(header)) &&
	       km_bundle_unpack(header, out) == KM_OK && (uint64_t)size == km_bundle_total(out);
	close(fd);
	return good ? KM_OK : desk_because(d, KM_EINVAL, DESK_BUNDLE_CHANGED, name, NULL);
}

/* Of the same store, and no older than the backup. */
static km_rc check_bundle(struct desk *d, const char *name, const struct km_copy *copy)
{
	struct km_bundle b = { 0 };
	km_rc rc = read_bundle(d, name, &b);

	if (rc != KM_OK)
		return rc;
	if (memcmp(b.chain, copy->chain, sizeof(b.chain)) != 0)
		return desk_because(d, KM_EINVAL, DESK_COPY_OTHER_STORE, name, NULL);
	if (b.generation < copy->epoch)
		return desk_because(d, KM_EINVAL, DESK_BUNDLE_OLDER, name, NULL);
	return KM_OK;
}

/* The backup itself, or what it makes together with --since; to: a descriptor, or -1. */
static km_rc verify(struct desk *d, const struct desk_args *args, int to, struct km_copy *out)
{
	struct copy_file full COPY_FILE = { .fd = -1 };
	const char *since = desk_arg(args, "since"), *bundle = desk_arg(args, "bundle");
	km_rc rc = copy_file_open(d, since ? since : args->operand[0], &full);

	if (rc == KM_OK && since)
		rc = copy_merge(d, args->operand[0], &full, to, out);
	else if (rc == KM_OK)
		*out = full.copy;
	return rc == KM_OK && bundle ? check_bundle(d, bundle, out) : rc;
}

static int say(struct desk *d, const char *name, const struct km_copy *c)
{
	struct desk_json j = { .f = d->out };
	char hex[KM_HEX(KM_PUBLIC_BYTES)], record[24], when[DESK_TIME], text[512];

	if (d->json) {
		json_open(&j, NULL, '{');
		json_string(&j, "result", "done");
		json_string(&j, "file", name);
		json_hex(&j, "chain", c->chain, sizeof(c->chain));
		json_number(&j, "record", (int64_t)c->seq);
		json_hex(&j, "hash", c->hash, sizeof(c->hash));
		json_time(&j, "time", c->wall);
		json_number(&j, "key-epoch", c->epoch);
		json_hex(&j, "signer", c->public, sizeof(c->public));
		json_close(&j, '}');
		fputc('\n', d->out);
		return 0;
	}
	snprintf(record, sizeof(record), "%" PRIu64, c->seq);
	fprintf(d->out, "%s\n",
		desk_expand(DESK_COPY_HOLDS, d->lang, record, desk_time(c->wall, when), text,
			    sizeof(text)));
	fprintf(d->out, "%s\n",
		desk_expand(DESK_COPY_SIGNER, d->lang, km_hex(c->public, sizeof(c->public), hex),
			    NULL, text, sizeof(text)));
	return 0;
}

static int check(struct desk *d, const struct desk_args *args)
{
	struct km_copy copy;
	km_rc rc = verify(d, args, -1, &copy);

	return rc == KM_OK ? say(d, args->operand[0], &copy) : desk_fail(d, rc);
}

/* --- restoring -------------------------------------------------------------------------------- */

/* Two vaults on one folder would be the end of both. */
static km_rc nobody_serves(struct desk *d)
{
	int fd = -1;
	km_rc rc = km_connect(d->socket, false, &fd);

	if (rc == KM_OK)
		close(fd);
	return rc == KM_EUNAVAIL
		   ? KM_OK
		   : desk_because(d, KM_EINVAL, DESK_RESTORE_RUNNING, d->socket, NULL);
}

static km_rc check_options(struct desk *d, const struct desk_args *args)
{
	static const char *const needed[][2] = { { "bundle", "FILE" },
						 { "escrow-key", "FILE" },
						 { "state-dir", "DIR" } };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!desk_arg(args, needed[i][0]))
			return desk_because(d, KM_EUSAGE, DESK_OPTION_MISSING, needed[i][0],
					    needed[i][1]);
	return KM_OK;
}

/* Beside ourselves, as --spawn has it; else where it is installed. */
static bool find_vault(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash = NULL;

	if (n > 0) {
		out[n] = '\0';
		slash = strrchr(out, '/');
	}
	if (slash && (size_t)(slash - out) + sizeof("/" PROGRAM) <= PATH_MAX) {
		memcpy(slash, "/" PROGRAM, sizeof("/" PROGRAM));
		if (access(out, X_OK) == 0)
			return true;
	}
	return snprintf(out, PATH_MAX, "%s", KM_LIBEXECDIR "/" PROGRAM) < PATH_MAX;
}

/* A file without a name, beside the difference: it ends with who has it open. */
static km_rc merged_file(struct desk *d, const char *name, int *fd)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s.merged", name) >= (int)sizeof(path))
		return KM_ELIMIT;
	*fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (*fd < 0 || unlink(path) < 0)
		return desk_because(d, KM_EINVAL, DESK_COPY_WRITE, path, strerror(errno));
	return KM_OK;
}

static km_rc become_the_vault(struct desk *d, const struct desk_args *args, int merged)
{
	char program[PATH_MAX], from[64];
	const char *key = desk_arg(args, "key");
	const char *argv[] = { PROGRAM,
			       "--restore",
			       args->operand[0],
			       "--bundle",
			       desk_arg(args, "bundle"),
			       "--escrow-key",
			       desk_arg(args, "escrow-key"),
			       "--state-dir",
			       desk_arg(args, "state-dir"),
			       key ? "--key" : NULL,
			       key,
			       NULL };
	char *copy[sizeof(argv) / sizeof(argv[0])];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", merged);
	if (merged >= 0)
		argv[2] = from;
	memcpy(copy, argv, sizeof(argv)); /* execv does not write to them */
	fflush(d->err);
	if (!find_vault(program) || clearenv() != 0)
		return KM_ELIMIT;
	execv(program, copy);
	return desk_because(d, KM_EUNAVAIL, DESK_COPY_OPEN, program, strerror(errno));
}

static km_rc restore(struct desk *d, const struct desk_args *args)
{
	const char *since = desk_arg(args, "since");
	struct km_copy copy;
	int merged = -1;
	km_rc rc = check_options(d, args);

	if (rc == KM_OK)
		rc = nobody_serves(d);
	if (rc == KM_OK && since)
		rc = merged_file(d, args->operand[0], &merged);
	if (rc == KM_OK)
		rc = verify(d, args, merged, &copy);
	if (rc == KM_OK)
		rc = become_the_vault(d, args, merged);
	if (merged >= 0)
		close(merged);
	return rc;
}

int cmd_restore(struct desk *d, const struct desk_args *args)
{
	return desk_arg(args, "check") ? check(d, args) : desk_fail(d, restore(d, args));
}
