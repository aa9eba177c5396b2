/*
 * SECURITY
 *
 * kenmon is the administrator's desk. It is run by hand, mostly by root, and
 * has no privilege of its own: neither database nor key is within its reach,
 * even as root it asks the vault for everything.
 *
 * Whom it talks to: the judge's socket, for a greeting; then the vault, on a
 * private socket pair that the judge does not see. The pair is believed only
 * under the kernel's stamp of the daemon user (line.c says why). Besides, it
 * reads the configuration file, one file of --secret-file, a roster and its
 * signature, the terminal, in `status` a few public files, and in `sensor list`
 * which processes have a reader's device open, by the links under /proc. Of the
 * drop folder it moves files into two folders within. It writes backups and key
 * bundles, sealed by then, and reads them to verify; for a restore it becomes
 * the vault's program, which alone opens the escrow key.
 *
 * What it holds: a seed or recovery codes while they are made and shown, and
 * codes while they are typed. They lie in locked memory, are wiped, never come
 * from or go to argv, the environment or a log, and no core file is written.
 * libqrencode draws in a child that ends at once, and its copies with it;
 * what stdio copies is wiped. Of a finger it hears how the enrolment goes:
 * neither image nor template comes here.
 *
 * A roster is made by another system: libcsv and iconv() read it here, with
 * limits, and nothing of it is handed on before all of it was looked at. In the
 * drop folder names are chosen by others: none is followed.
 *
 * What a take-over gains: whatever the person who runs it may do at the vault,
 * for as long as it runs. Text from outside (names, labels, audit bodies, the
 * vault's sentences) is escaped before it reaches the terminal.
 */
#include <locale.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <kenmon/secret.h>

#include "desk.h"

/* Our own, so that a key that was shown does not stay in stdio's. */
static char out_buffer[65536];

static void confine(void)
{
	static const struct rlimit none = { 0, 0 };
	static const struct rlimit no_limit = { RLIM_INFINITY, RLIM_INFINITY };

	/* Best effort, each: none of them decides who may do what. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	/*
	 * Libraries' copies of a key are not swapped out either. Only where no
	 * limit is left: under one, a later allocation would fail instead.
	 */
	if (setrlimit(RLIMIT_MEMLOCK, &no_limit) == 0)
		(void)mlockall(MCL_CURRENT | MCL_FUTURE);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* What returned calls have left below us: copies of a key in registers that a compiler saved. */
static __attribute__((noinline)) void wipe_stack(void)
{
	uint8_t below[64 * 1024];

	km_wipe(below, sizeof(below));
}

int main(int argc, char **argv)
{
	struct desk d;
	int code;

	confine();
	/* Our texts are UTF-8 whatever the locale; widths of characters come from here. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	(void)setvbuf(stdout, out_buffer, _IOFBF, sizeof(out_buffer));
	desk_init(&d);
	code = desk_main(&d, argc, argv);
	km_wipe(out_buffer, sizeof(out_buffer));
	wipe_stack();
	return code;
}
