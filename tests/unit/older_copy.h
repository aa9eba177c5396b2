/* A store's files as they are at some moment, and what somebody makes of them later. */
#ifndef KENMON_TESTS_OLDER_COPY_H
#define KENMON_TESTS_OLDER_COPY_H

#include "store_box.h"

static inline void copy_folder(const char *from, const char *to)
{
	static char bytes[1 << 22];
	struct dirent *e;
	DIR *d = opendir(from);

	assert_non_null(d);
	while ((e = readdir(d))) {
		char path[2][400];

		(void)snprintf(path[0], sizeof(path[0]), "%s/%s", from, e->d_name);
		(void)snprintf(path[1], sizeof(path[1]), "%s/%s", to, e->d_name);
		if (e->d_name[0] != '.')
			put_file(path[1], bytes, get_file(path[0], bytes, sizeof(bytes)), 0600);
	}
	closedir(d);
}

/* A copy of the state folder, and where keks is said of the KEKs. */
static inline void copy_of(const struct box *b, struct box *copy, bool keks)
{
	box_make_folder(copy);
	copy_folder(b->dir, copy->dir);
	if (keks)
		copy_folder(b->kek, copy->kek);
}

/*
 * What of the keys of today can be laid over an older copy: those of the living, of the months,
 * where the epoch is, and where it is said, of the fingers.
 */
static inline void put_bundle(struct box *from, struct box *to, bool fingers)
{
	static const char *const moves[] = {
		"DELETE FROM subject_key",
		"INSERT INTO subject_key SELECT * FROM today.subject_key",
		"DELETE FROM month_key",
		"INSERT INTO month_key SELECT * FROM today.month_key",
		"INSERT OR REPLACE INTO meta SELECT * FROM today.meta WHERE key = 'epoch'",
		"DELETE FROM finger_key",
		"INSERT INTO finger_key SELECT * FROM today.finger_key",
	};
	size_t count = sizeof(moves) / sizeof(*moves) - (fingers ? 0 : 2);
	sqlite3 *handle;
	char text[500];

	box_shut(from); /* the lock on its files is exclusive */
	(void)snprintf(text, sizeof(text), "%s/vault.db", to->dir);
	assert_int_equal(sqlite3_open(text, &handle), SQLITE_OK);
	(void)snprintf(text, sizeof(text), "ATTACH '%s/vault.db' AS today", from->dir);
	assert_int_equal(sqlite3_exec(handle, text, NULL, NULL, NULL), SQLITE_OK);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(sqlite3_exec(handle, moves[i], NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(handle), SQLITE_OK);
	copy_folder(from->kek, to->kek);
	assert_int_equal(box_try(from), KM_OK);
}

#endif
