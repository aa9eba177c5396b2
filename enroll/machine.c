/* What stands beside us on this machine: other programs for fingers, and what holds a reader. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"

#define USB         "/dev/bus/usb"
#define ROOTED_PATH 512
#define STACK_LINE  512 /* what a longer line of a PAM stack says further on is not read */

static bool exists(const struct desk *d, const char *path)
{
	char full[ROOTED_PATH];
	struct stat st;

	snprintf(full, sizeof(full), "%s%s", d->root, path);
	return stat(full, &st) == 0;
}

/* The program of a process, or "" once it has gone. */
static void read_comm(int proc, const char *pid, char comm[DESK_COMM])
{
	char path[32];
	int fd = -1;
	ssize_t n = 0;

	if (snprintf(path, sizeof(path), "%s/comm", pid) < (int)sizeof(path))
		fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, comm, DESK_COMM - 1);
		close(fd);
	}
	comm[n > 0 ? n : 0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
}

/* Calls see for each process until it says that this is enough. */
static void each_process(const struct desk *d, bool (*see)(int proc, const char *pid, void *arg),
			 void *arg)
{
	const struct dirent *entry;
	char path[ROOTED_PATH];
	bool enough = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/proc", d->root);
	dir = opendir(path);
	if (!dir)
		return;
	while (!enough && (entry = readdir(dir)))
		enough = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			 see(dirfd(dir), entry->d_name, arg);
	closedir(dir);
}

static bool is_fprintd(int proc, const char *pid, void *arg)
{
	bool *found = arg;
	char comm[DESK_COMM];

	read_comm(proc, pid, comm);
	*found = strcmp(comm, "fprintd") == 0;
	return *found;
}

bool desk_fprintd_runs(const struct desk *d)
{
	bool found = false;

	each_process(d, is_fprintd, &found);
	return found;
}

/* --- what holds a reader --------------------------------------------------- */

static bool three_digits(const char *text)
{
	return isdigit((unsigned char)text[0]) && isdigit((unsigned char)text[1]) &&
	       isdigit((unsigned char)text[2]) && !text[3];
}

/* The nodes of one bus. */
static void find_on_bus(const struct desk *d, const char *bus, gid_t group, struct desk_nodes *out)
{
	const struct dirent *entry;
	char path[ROOTED_PATH];
	struct stat st;
	DIR *dir;

	snprintf(path, sizeof(path), "%s" USB "/%s", d->root, bus);
	dir = opendir(path);
	if (!dir)
		return;
	while (out->count < DESK_NODES_MAX && (entry = readdir(dir))) {
		if (!three_digits(entry->d_name) ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    st.st_gid != group)
			continue;
		snprintf(out->node[out->count++], DESK_NODE, USB "/%.3s/%.3s", bus, entry->d_name);
	}
	closedir(dir);
}

void desk_find_nodes(const struct desk *d, gid_t group, struct desk_nodes *out)
{
	const struct dirent *entry;
	char path[ROOTED_PATH];
	DIR *dir;

	out->count = 0;
	snprintf(path, sizeof(path), "%s" USB, d->root);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (three_digits(entry->d_name))
			find_on_bus(d, entry->d_name, group, out);
	closedir(dir);
}

struct search {
	const char *node;
	struct desk_holders *found;
};

static bool has_open(int fds, const char *node)
{
	const struct dirent *entry;
	char target[DESK_NODE + 1];
	bool found = false;
	DIR *dir = fdopendir(fds);

	if (!dir) {
		close(fds);
		return false;
	}
	while (!found && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		found = strcmp(target, node) == 0;
	}
	closedir(dir);
	return found;
}

static bool holds(int proc, const char *pid, void *arg)
{
	struct search *s = arg;
	struct desk_holder *h = &s->found->holder[s->found->count];
	char path[32];
	int fds;

	if (snprintf(path, sizeof(path), "%s/fd", pid) >= (int)sizeof(path))
		return false;
	fds = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fds < 0 || !has_open(fds, s->node))
		return false;
	read_comm(proc, pid, h->comm);
	/* Ours, which has just been asked for this list. */
	if (strcmp(h->comm, "kenmon-sensor") == 0)
		return false;
	h->pid = strtol(pid, NULL, 10);
	return ++s->found->count == DESK_HOLDERS_MAX;
}

void desk_find_holders(const struct desk *d, const char *node, struct desk_holders *out)
{
	struct search s = { node, out };

	out->count = 0;
	each_process(d, holds, &s);
}

/* --- findings of the status ------------------------------------------------ */

/* Does the stack itself name pam_fprintd, outside a comment? */
static bool fprintd_in_stack(const struct desk *d)
{
	char path[ROOTED_PATH], line[STACK_LINE];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/etc/pam.d/common-auth", d->root);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "#")] = '\0';
		found = strstr(line, "pam_fprintd.so") != NULL;
	}
	fclose(f);
	return found;
}

static void say(const struct desk *d, struct desk_finding *f, const char *key, bool found,
		enum desk_text yes, enum desk_text no)
{
	f->key = key;
	f->found = found;
	desk_expand(found ? yes : no, d->lang, NULL, NULL, f->text, sizeof(f->text));
}

static bool is_member(const struct group *group, const char *account)
{
	for (char *const *m = group->gr_mem; *m; m++)
		if (strcmp(*m, account) == 0)
			return true;
	return false;
}

/*
 * By the group's own list and by their primary group: a stack exempts both.
 * Accounts that a directory does not enumerate are not seen.
 */
km_rc desk_each_exempt(km_rc (*see)(void *arg, const char *account, bool primary), void *arg)
{
	const struct group *group = getgrnam(DESK_EXEMPT_GROUP);
	const struct passwd *pw;
	km_rc rc = KM_OK;

	if (!group)
		return KM_OK;
	for (char *const *m = group->gr_mem; rc == KM_OK && *m; m++)
		rc = see(arg, *m, false);
	setpwent();
	while (rc == KM_OK && (pw = getpwent()))
		if (pw->pw_gid == group->gr_gid && !is_member(group, pw->pw_name))
			rc = see(arg, pw->pw_name, true);
	endpwent();
	return rc;
}

static km_rc count_exempt(void *arg, const char *account, bool primary)
{
	(void)account;
	(void)primary;
	++*(unsigned *)arg;
	return KM_OK;
}

static void find_exempt(const struct desk *d, struct desk_finding *f)
{
	unsigned count = 0;
	char text[16];

	f->key = "exempt-accounts";
	if (!getgrnam(DESK_EXEMPT_GROUP)) {
		desk_expand(DESK_EXEMPT_NO_GROUP, d->lang, DESK_EXEMPT_GROUP, NULL, f->text,
			    sizeof(f->text));
		return;
	}
	f->found = desk_each_exempt(count_exempt, &count) == KM_OK && count > 0;
	snprintf(text, sizeof(text), "%u", count);
	desk_expand(count ? DESK_EXEMPT_MANY : DESK_EXEMPT_NONE, d->lang, DESK_EXEMPT_GROUP, text,
		    f->text, sizeof(f->text));
}

void desk_findings(const struct desk *d, struct desk_finding out[DESK_FINDINGS])
{
	memset(out, 0, DESK_FINDINGS * sizeof(*out));
	say(d, &out[0], "fprintd-profile", exists(d, "/usr/share/pam-configs/fprintd"),
	    DESK_PROFILE_FOUND, DESK_PROFILE_NONE);
	say(d, &out[1], "fprintd-running", desk_fprintd_runs(d), DESK_FPRINTD_RUNNING,
	    DESK_FPRINTD_NONE);
	say(d, &out[2], "sssd", exists(d, "/etc/sssd/sssd.conf"), DESK_SSSD_FOUND, DESK_SSSD_NONE);
	find_exempt(d, &out[3]);
	say(d, &out[4], "fprintd-in-common-auth", fprintd_in_stack(d), DESK_IN_STACK_FOUND,
	    DESK_IN_STACK_NONE);
}
