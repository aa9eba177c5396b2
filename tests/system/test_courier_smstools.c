/*
 * Text messages by the real smstools, with a modem of this test's on loopback: what the modem is
 * asked to send, to whom, and what the vault hears of it.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "house_orders.h"
#include "real_message.h"

#define SMSD    "/usr/sbin/smsd"
#define AT_LINE 1024
#define CTRL_Z  0x1a
#define REFUSED "0C91180921438999" /* +CMS ERROR for this number, +819012349899 */

static struct orders o;
static pid_t smsd, modem;
static char pdus[ORDERS_PATH]; /* a line for each PDU that the modem was given */

/* --- the modem ------------------------------------------------------------------------------- */

static void answer(int fd, const char *text)
{
	(void)!write(fd, text, strlen(text));
}

static void take_pdu(int fd, const char *pdu)
{
	int log = open(pdus, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (log < 0 || dprintf(log, "%s\n", pdu) < 0)
		_exit(1);
	close(log);
	answer(fd, strstr(pdu, REFUSED) ? "\r\n+CMS ERROR: 38\r\n" : "\r\n+CMGS: 7\r\n\r\nOK\r\n");
}

static void take_command(int fd, const char *line, bool *pdu_follows)
{
	if (strncmp(line, "AT+CMGS=", 8) == 0) {
		*pdu_follows = true;
		answer(fd, "\r\n> ");
	} else if (strncmp(line, "AT+CPIN?", 8) == 0) {
		answer(fd, "\r\n+CPIN: READY\r\n\r\nOK\r\n");
	} else if (strncmp(line, "AT+CSQ", 6) == 0) {
		answer(fd, "\r\n+CSQ: 20,0\r\n\r\nOK\r\n");
	} else if (strncmp(line, "AT+CREG?", 8) == 0) {
		answer(fd, "\r\n+CREG: 0,1\r\n\r\nOK\r\n");
	} else {
		answer(fd, "\r\nOK\r\n");
	}
}

static void serve_modem(int fd)
{
	char line[AT_LINE];
	size_t len = 0;
	bool pdu_follows = false;
	char c;

	while (read(fd, &c, 1) == 1) {
		if (c == (pdu_follows ? CTRL_Z : '\r')) {
			line[len] = '\0';
			len = 0;
			if (pdu_follows) {
				pdu_follows = false;
				take_pdu(fd, line);
			} else {
				take_command(fd, line, &pdu_follows);
			}
		} else if (c != '\n' && len + 1 < sizeof(line)) {
			line[len++] = c;
		}
	}
	close(fd);
}

/* The port on which it listens. */
static unsigned start_modem(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	modem = fork();
	if (modem == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			serve_modem(accept(fd, NULL, NULL));
	}
	close(fd);
	return ntohs(at.sin_port);
}

/* --- smstools ----------------------------------------------------------------------------------
 */

static const char *in_folder(const char *name)
{
	static char path[ORDERS_PATH];

	snprintf(path, sizeof(path), "%s/%s", o.dir, name);
	return path;
}

static void write_smsd_conf(unsigned port)
{
	FILE *f = fopen(in_folder("smsd.conf"), "we");

	assert_non_null(f);
	fprintf(f,
		"devices = GSM1\nloglevel = 7\ndelaytime = 1\nerrorsleeptime = 1\nblocktime = 1\n"
		"blockafter = 9\nautosplit = 0\nlogfile = %s/smsd.log\ninfofile = %s/smsd.working\n"
		"pidfile = %s/smsd.pid\noutgoing = %s/spool/outgoing\nchecked = %s/spool/checked\n"
		"incoming = %s/spool/incoming\nsent = %s/spool/sent\nfailed = %s/spool/failed\n"
		"[GSM1]\ndevice = @127.0.0.1:%u\nincoming = no\npin = ignore\ncheck_network = no\n"
		"report = no\nread_timeout = 1\n",
		o.dir, o.dir, o.dir, o.dir, o.dir, o.dir, o.dir, o.dir, port);
	assert_int_equal(fclose(f), 0);
}

/* How often it has come so far that it works; before that it tries each folder with a file. */
static unsigned smsd_starts(void)
{
	FILE *f = fopen(in_folder("smsd.log"), "re");
	unsigned count = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		count += strstr(line, "Modem handler 0 has started") != NULL;
	if (f)
		fclose(f);
	return count;
}

static void start_smsd(void)
{
	const unsigned before = smsd_starts();

	smsd = fork();
	if (smsd == 0) {
		char conf[ORDERS_PATH + 2];
		int null = open("/dev/null", O_RDWR);

		snprintf(conf, sizeof(conf), "-c%s", in_folder("smsd.conf"));
		setpgid(0, 0); /* it makes a process for each modem */
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execl(SMSD, "smsd", "-t", conf, (char *)NULL);
		_exit(127);
	}
	setpgid(smsd, smsd);
	for (unsigned i = 0; i < ORDERS_MS / 10 && smsd_starts() == before; i++)
		usleep(10000);
	assert_int_equal(smsd_starts(), before + 1);
}

static void stop(pid_t *pid, pid_t whom)
{
	if (*pid > 0) {
		kill(whom, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

static int set_up(void **state)
{
	static const char *const folder[] = { "",          "/outgoing", "/checked",
					      "/incoming", "/sent",     "/failed" };
	struct km_msg hello;
	char path[32];

	(void)state;
	if (access(SMSD, X_OK) < 0)
		return -1;
	assert_true(orders_open(&o));
	for (size_t i = 0; i < sizeof(folder) / sizeof(folder[0]); i++) {
		snprintf(path, sizeof(path), "spool%s", folder[i]);
		assert_int_equal(mkdir(in_folder(path), 0700), 0);
	}
	snprintf(pdus, sizeof(pdus), "%s", in_folder("pdus"));
	write_smsd_conf(start_modem());
	start_smsd();
	assert_true(
	    orders_configure(&o, "[sms]\ngateway = spool\nspool = %s/spool\ntimeout = 60\n"));
	assert_true(orders_start(&o, &hello));
	assert_int_equal(hello.courier.gateway, KM_GATEWAY_SPOOL);
	return 0;
}

static int clear_up(void **state)
{
	(void)state;
	stop(&smsd, -smsd);
	stop(&modem, modem);
	orders_close(&o);
	return 0;
}

/* All PDUs so far, one a line. */
static const char *sent_pdus(void)
{
	static char text[8192];
	FILE *f = fopen(pdus, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	return text;
}

static unsigned lines_of(const char *text)
{
	unsigned count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

/* Files that are no locks of smstools, wherever a message may be. */
static unsigned count_files(void)
{
	static const char *const folder[] = { "outgoing", "checked", "sent", "failed" };
	unsigned count = 0;

	for (size_t i = 0; i < sizeof(folder) / sizeof(folder[0]); i++) {
		char path[ORDERS_PATH];
		const struct dirent *e;
		DIR *d;

		snprintf(path, sizeof(path), "%s/spool/%s", o.dir, folder[i]);
		d = opendir(path);
		while (d && (e = readdir(d)) != NULL)
			count += e->d_name[0] != '.' && !strstr(e->d_name, ".LOCK");
		if (d)
			closedir(d);
	}
	return count;
}

static bool soon_files(unsigned count)
{
	for (unsigned i = 0; i < ORDERS_MS / 10 && count_files() != count; i++)
		usleep(10000);
	return count_files() == count;
}

static void test_a_japanese_message_goes_out_by_the_modem_in_one_part(void **state)
{
	const struct real_message m = real_message("0123456789");
	char hex[REAL_UCS2 * 3 + 1], body[sizeof(hex) + 4];
	unsigned why = 0;

	(void)state;
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, "+819012345678", m.text, 60000));
	assert_int_equal(orders_until(&o, 1, KM_ORDER_STATE_TAKEN, &why), KM_ORDER_STATE_TAKEN);
	assert_int_equal(why, KM_ORDER_WHY_NONE);
	/* SMS-SUBMIT (3GPP TS 23.040): 12 digits, international, swapped; UCS-2; at its end the
	 * length and all of the text, so there is no header of parts in front of it. */
	assert_int_equal(lines_of(sent_pdus()), 1);
	assert_non_null(strstr(sent_pdus(), "0C91180921436587"));
	snprintf(body, sizeof(body), "%02zX%s\n", m.len,
		 real_message_hex(&m, 0, m.len, false, hex));
	assert_true(strlen(sent_pdus()) > strlen(body));
	assert_string_equal(sent_pdus() + strlen(sent_pdus()) - strlen(body), body);
	/* The code stays in no folder. */
	assert_true(soon_files(0));
}

static void test_an_english_message_goes_out_in_seven_bits(void **state)
{
	(void)state;
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, "+819012345678", "code 482913", 60000));
	assert_int_equal(orders_until(&o, 1, KM_ORDER_STATE_TAKEN, NULL), KM_ORDER_STATE_TAKEN);
	/* "code 482913", eleven septets packed into ten bytes */
	assert_non_null(strstr(sent_pdus(), "0BE337B90CA2E164B9D80C"));
}

static void test_what_the_modem_refuses_has_failed_and_is_not_tried_for_ever(void **state)
{
	unsigned why = 0;

	(void)state;
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, "+819012349899", "code 482913", 60000));
	assert_int_equal(orders_until(&o, 1, KM_ORDER_STATE_FAILED, &why), KM_ORDER_STATE_FAILED);
	assert_int_equal(why, KM_ORDER_WHY_REFUSED);
	assert_true(soon_files(0));
}

static void test_what_smstools_does_not_fetch_is_taken_back(void **state)
{
	unsigned why = 0;

	(void)state;
	stop(&smsd, -smsd);
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, "+819012345678", "code 482913", 300));
	assert_int_equal(orders_until(&o, 1, KM_ORDER_STATE_FAILED, &why), KM_ORDER_STATE_FAILED);
	assert_int_equal(why, KM_ORDER_WHY_LATE);
	assert_true(soon_files(0));
	start_smsd();
	assert_true(orders_give(&o, 2, KM_ORDER_MESSAGE, "+819012345678", "code 482914", 60000));
	assert_int_equal(orders_until(&o, 2, KM_ORDER_STATE_TAKEN, NULL), KM_ORDER_STATE_TAKEN);
	assert_int_equal(lines_of(sent_pdus()), 1); /* of the second alone */
}

static void test_a_courier_killed_with_a_message_in_outgoing_never_sends_it_later(void **state)
{
	struct km_msg hello;

	(void)state;
	stop(&smsd, -smsd);
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, "+819012345678", "code 482913", 60000));
	assert_true(soon_files(1));
	assert_int_equal(orders_end(&o, SIGKILL), 128 + SIGKILL);
	assert_int_equal(count_files(), 1);
	assert_true(orders_start(&o, &hello));
	assert_true(soon_files(0));
	start_smsd();
	assert_true(orders_give(&o, 1, KM_ORDER_MESSAGE, "+819087654321", "code 482914", 60000));
	assert_int_equal(orders_until(&o, 1, KM_ORDER_STATE_TAKEN, NULL), KM_ORDER_STATE_TAKEN);
	assert_int_equal(lines_of(sent_pdus()), 1);
	assert_null(strstr(sent_pdus(), "180921436587"));
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, clear_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_a_japanese_message_goes_out_by_the_modem_in_one_part),
		ONE(test_an_english_message_goes_out_in_seven_bits),
		ONE(test_what_the_modem_refuses_has_failed_and_is_not_tried_for_ever),
		ONE(test_what_smstools_does_not_fetch_is_taken_back),
		ONE(test_a_courier_killed_with_a_message_in_outgoing_never_sends_it_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
