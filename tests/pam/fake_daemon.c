/*
 * The honest daemon of peer.h as a program, for clients of PAM that are not ours.
 *
 *   fake_daemon SOCKET    listens there, says "ready", ends with its standard input
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "peer.h"

int main(int argc, char **argv)
{
	struct stage s = { 0 };
	char c;

	if (argc != 2)
		return 2;
	snprintf(s.socket, sizeof(s.socket), "%s", argv[1]);
	s.shared = mmap(NULL, sizeof(*s.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (s.shared == MAP_FAILED)
		return 1;
	s.shared->serve = serve_honestly;
	stage_daemon_start(&s);
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	stage_daemon_stop(&s);
	return 0;
}
