/* A machine and its name servers. See house_names.h. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "house_names.h"

static pid_t server;
static unsigned *asked; /* shared with the server */

/* --- a machine of its own ------------------------------------------------------------------------
 */

static bool put_file(const char *path, const char *text)
{
	char own[] = "/tmp/kenmon-test-XXXXXX";
	int fd = mkstemp(own);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
		    fchmod(fd, 0644) == 0 && mount(own, path, NULL, MS_BIND, NULL) == 0;

	if (fd >= 0)
		close(fd);
	unlink(own);
	return good;
}

bool names_machine(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd, rc;

	asked =
	    mmap(NULL, sizeof(*asked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (asked == MAP_FAILED || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rc = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &lo);
	if (fd >= 0)
		close(fd);
	return rc == 0 && put_file("/etc/resolv.conf", "nameserver 127.0.0.1\n") &&
	       put_file("/etc/hosts", "127.0.0.1 localhost\n127.0.0.1 file.test\n");
}

/* --- a name server
 * -------------------------------------------------------------------------------------- */

/* A question of len bytes becomes an answer to it; 0: none is given. */
static size_t answer_to(uint8_t *m, size_t len, enum names_answer how, unsigned n)
{
	static const uint8_t a[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 1 };
	size_t end = 12;
	bool four;

	while (end < len && m[end])
		end += m[end] + 1u;
	end += 5;                             /* the name's end, type and class */
	four = end <= len && m[end - 3] == 1; /* type A */
	if (how == NAMES_SILENT || (how == NAMES_SILENT_AT_FIRST && n < 2) || end > len)
		return 0;
	m[2] |= 0x80;
	m[3] = how == NAMES_NOTHING_KNOWN ? 3 : 0;
	memset(m + 6, 0, 6);
	if (how == NAMES_GARBAGE)
		memset(m + 2, 0xff, len - 2);
	if (how == NAMES_OTHER_ID)
		m[0] ^= 0xff;
	if (how == NAMES_NOTHING_KNOWN || how == NAMES_GARBAGE || !four)
		return how == NAMES_GARBAGE ? len : end;
	m[7] = 1;
	memcpy(m + end, a, sizeof(a));
	if (how == NAMES_LOOPING)
		m[end + 1] = (uint8_t)end; /* a name that points to itself */
	return end + sizeof(a);
}

static void serve_names(int fd, enum names_answer how)
{
	uint8_t m[1024];

	for (;;) {
		struct sockaddr_in from;
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, m, 512, 0, (struct sockaddr *)&from, &size);
		size_t len;

		if (n < 17)
			continue;
		len = answer_to(m, (size_t)n, how, (*asked)++);
		if (len)
			sendto(fd, m, len, 0, (struct sockaddr *)&from, size);
	}
}

bool names_start_at(uint32_t address, enum names_answer how)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = { htonl(address) },
				  .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return false;
	*asked = 0;
	server = fork();
	if (server == 0) {
		/* Nobody's link is to live for as long as this does. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && dup2(fd, STDIN_FILENO) == 0 &&
		    close_range(STDERR_FILENO + 1, ~0U, 0) == 0)
			serve_names(STDIN_FILENO, how);
		_exit(1);
	}
	close(fd);
	return server > 0;
}

bool names_start(enum names_answer how)
{
	return names_start_at(INADDR_LOOPBACK, how);
}

bool names_replace(const char *resolv_conf)
{
	return umount2("/etc/resolv.conf", MNT_DETACH) == 0 &&
	       put_file("/etc/resolv.conf", resolv_conf);
}

void names_stop(void)
{
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	server = 0;
}

unsigned names_asked(void)
{
	return *asked;
}
