/*
 * Walls of a room: Landlock (landlock(7)), by raw calls. Constants that older
 * headers lack are given here; what the running kernel knows, it is asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wall_paths.h"

/* Rights of a version, by include/uapi/linux/landlock.h of Linux 6.18. */
#define FS_VERSION_1 0x1fffull /* EXECUTE (bit 0) to MAKE_SYM (bit 12) */
#define FS_REFER     0x2000ull /* 2: a file under another folder */
#define FS_TRUNCATE  0x4000ull /* 3 */
#define FS_IOCTL_DEV 0x8000ull /* 5 */
#define NET_TCP      0x3ull    /* 4: bind, connect */
#define SCOPE_NAMES  0x1ull    /* 6: sockets of processes outside, by abstract names */
#define SCOPE_SIGNAL 0x2ull    /* 6: signals to processes outside */
#define SCOPES       (SCOPE_NAMES | SCOPE_SIGNAL)

/* As the newest kernel that we know takes it; an older one takes the beginning. */
struct ruleset {
	uint64_t fs, net, scoped;
};
static const struct {
	int version;
	size_t size;
	struct ruleset handled;
} versions[] = {
	{ 1, 8, { FS_VERSION_1, 0, 0 } },
	{ 2, 8, { FS_VERSION_1 | FS_REFER, 0, 0 } },
	{ 3, 8, { FS_VERSION_1 | FS_REFER | FS_TRUNCATE, 0, 0 } },
	{ 4, 16, { FS_VERSION_1 | FS_REFER | FS_TRUNCATE, NET_TCP, 0 } },
	{ 5, 16, { FS_VERSION_1 | FS_REFER | FS_TRUNCATE | FS_IOCTL_DEV, NET_TCP, 0 } },
	{ 6, 24, { FS_VERSION_1 | FS_REFER | FS_TRUNCATE | FS_IOCTL_DEV, NET_TCP, SCOPES } },
	/* 7 adds nothing but what the kernel logs; later ones are used as far as we know them. */
};

#define FOR_FILES                                                                                  \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |                               \
	 LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

static const struct {
	enum km_may may;
	uint64_t rights;
} rights[] = {
	{ KM_MAY_READ, LANDLOCK_ACCESS_FS_READ_FILE },
	{ KM_MAY_LIST, LANDLOCK_ACCESS_FS_READ_DIR },
	{ KM_MAY_WRITE, LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE },
	{ KM_MAY_MAKE, LANDLOCK_ACCESS_FS_MAKE_REG },
	{ KM_MAY_REMOVE, LANDLOCK_ACCESS_FS_REMOVE_FILE },
	{ KM_MAY_CONTROL, FS_IOCTL_DEV },
	{ KM_MAY_LISTEN, LANDLOCK_ACCESS_FS_MAKE_SOCK },
};

static uint64_t rights_of(unsigned may)
{
	uint64_t all = 0;

	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
		if (may & rights[i].may)
			all |= rights[i].rights;
	return all;
}

static km_rc add(int set, const struct ruleset *handled, const struct km_wall_path *p)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights_of(p->may) };
	struct stat st;
	long rc;

	rule.parent_fd = open(p->path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0) /* what is not there, or not for us, needs no leave */
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? KM_OK : KM_EIO;
	rc = fstat(rule.parent_fd, &st);
	if (rc == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= FOR_FILES;
	rule.allowed_access &= handled->fs;
	if (rc == 0 && rule.allowed_access != 0)
		rc = syscall(__NR_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return rc == 0 ? KM_OK : KM_EIO;
}

static km_rc restrict_to(const struct km_wall *wall, int version)
{
	size_t v = 0, known = sizeof(versions) / sizeof(versions[0]);
	struct ruleset handled;
	km_rc rc = KM_OK;
	int set;

	while (v + 1 < known && versions[v + 1].version <= version)
		v++;
	handled = versions[v].handled;
	if (wall->may_reach_abstract)
		handled.scoped &= ~SCOPE_NAMES;
	if (wall->may_reach_network)
		handled.net = 0;
	set = (int)syscall(__NR_landlock_create_ruleset, &handled, versions[v].size, 0);
	if (set < 0)
		return KM_EIO;
	for (size_t i = 0; rc == KM_OK && i < wall->paths; i++)
		if (wall->path[i].path)
			rc = add(set, &handled, &wall->path[i]);
	if (rc == KM_OK && syscall(__NR_landlock_restrict_self, set, 0) < 0)
		rc = KM_EIO;
	close(set);
	return rc;
}

km_rc wall_paths_up(const struct km_wall *wall, unsigned *gaps)
{
	long version =
	    syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	/* Not built in, not started with, or kept from us by whoever started us. */
	if (version < 1) {
		*gaps |= KM_WALL_NO_LANDLOCK;
		return KM_OK;
	}
	return restrict_to(wall, (int)version);
}

/* --- places ------------------------------------------------------------------------ */

static bool is_above(const char *folder, const char *path)
{
	char a[PATH_MAX], b[PATH_MAX];
	size_t len;

	if (!realpath(folder, a) || !realpath(path, b))
		return false;
	len = strlen(a);
	return strcmp(a, "/") == 0 ||
	       (strncmp(a, b, len) == 0 && (b[len] == '/' || b[len] == '\0'));
}

void km_wall_place(const char *file, const char *keep_out, char out[PATH_MAX])
{
	const char *slash = strrchr(file, '/');
	size_t len = slash && slash > file ? (size_t)(slash - file) : 1;

	if (strlen(file) >= PATH_MAX) {
		out[0] = '\0'; /* is nowhere */
		return;
	}
	memcpy(out, slash ? file : ".", len);
	out[len] = '\0';
	if (is_above(out, keep_out))
		memcpy(out, file, strlen(file) + 1);
}
