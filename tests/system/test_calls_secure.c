/*
 * Calls to baresip: TLS with a certificate that is looked at, SRTP, and what the telephone heard,
 * compared with what was to be said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../authd/courier/sip_sound.h"
#include "baresip.h"

#define SECURE "transport = tls\nmedia = srtp\nca-file = @/ca.pem\n"

/* Where TLS is spoken, a certificate for ext stands; @ in voice is the folder. */
static void open_with(struct exchange *e, const char *voice, const char *ext, int days)
{
	char text[1024] = "";
	const char *at;

	exchange_make(e, strstr(voice, "udp") ? SOCK_DGRAM : SOCK_STREAM);
	exchange_certify(e, ext, days);
	at = strchr(voice, '@');
	snprintf(text, sizeof(text), "%.*s%s%s", at ? (int)(at - voice) : (int)strlen(voice), voice,
		 at ? e->dir : "", at ? at + 1 : "");
	exchange_configure(e, text);
	exchange_start(e);
}

static void test_keys_come_over_tls_and_srtp(void **state)
{
	struct exchange e;
	struct baresip b;

	(void)state;
	open_with(&e, SECURE, "subjectAltName=IP:127.0.0.1", 30);
	baresip_start(&e, &b, ";mediaenc=srtp-mand", true);
	exchange_order(&e, KM_ORDER_KEYPAD, "", 60);
	assert_true(exchange_until(&e, KM_ORDER_STATE_ANSWERED));
	baresip_press(&b, "730215#");
	assert_true(exchange_until(&e, KM_ORDER_STATE_KEYED));
	assert_string_equal(e.course, "queued ringing answered keyed:730215");
	baresip_stop(&b);
	exchange_close(&e);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_come_over_tls_and_srtp),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
