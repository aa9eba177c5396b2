/* A house whose site has codes sent. See house_phone.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "house_phone.h"

#define WAIT_MS 20000 /* a gateway that takes longer is broken */

static char folder[64]; /* gateway; message and number; exit, where the gateway is to fail */
char phone_code[16];

static void path_of(const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", folder, name);
}

static bool put(const char *name, const char *text, mode_t mode)
{
	char path[128];
	bool done;
	FILE *f;

	path_of(name, path);
	f = fopen(path, "we");
	if (!f)
		return false;
	done = fputs(text, f) >= 0;
	return fclose(f) == 0 && chmod(path, mode) == 0 && done;
}

static bool get(const char *name, char *out, size_t cap)
{
	char path[128];
	FILE *f;

	path_of(name, path);
	f = fopen(path, "re");
	if (!f)
		return false;
	out[fread(out, 1, cap - 1, f)] = '\0';
	fclose(f);
	return true;
}

static void forget(const char *name)
{
	char path[128];

	path_of(name, path);
	unlink(path);
}

bool phone_read(void)
{
	char text[512] = "";
	size_t n = 0;

	if (!get("message", text, sizeof(text)))
		return false;
	forget("message");
	for (const char *c = text; *c; c++)
		if (*c >= '0' && *c <= '9' && n < sizeof(phone_code) - 1)
			phone_code[n++] = *c;
	phone_code[n] = '\0';
	return true;
}

bool phone_wait(void)
{
	for (int ms = 0; ms < WAIT_MS; ms += 5) {
		if (phone_read())
			return true;
		usleep(5000);
	}
	fprintf(stderr, "house: no message came\n");
	return false;
}

bool phone_number(char *out, size_t cap)
{
	return get("number", out, cap);
}

bool phone_fails_with(int exit_code)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", exit_code);
	forget("exit");
	return exit_code == 0 || put("exit", text, 0644);
}

/* --- the house ------------------------------------------------------------------------ */

/* The number first, and the message renamed when it is whole. */
static bool make_telephone(void)
{
	char text[1024];

	snprintf(folder, sizeof(folder), "/tmp/kenmon-telephone-XXXXXX");
	if (!mkdtemp(folder) || chmod(folder, 0755) < 0)
		return false;
	snprintf(text, sizeof(text),
		 "#!/bin/sh\ncd %s || exit 1\n/bin/cat >new\n"
		 "[ -e exit ] && exit \"$(/bin/cat exit)\"\n"
		 "printf %%s \"$1\" >number\nexec /bin/mv new message\n",
		 folder);
	return put("gateway", text, 0755);
}

km_rc phone_enrol(const struct house *h, const char *login, const char *number)
{
	struct km_msg m = { .number = KM_MSG_ENROL_PHONE };

	m.enrol_phone.factor = KM_FACTOR_SMS;
	snprintf(m.enrol_phone.login, sizeof(m.enrol_phone.login), "%s", login);
	snprintf(m.enrol_phone.number, sizeof(m.enrol_phone.number), "%s", number);
	return office_do(h, &m, NULL);
}

int phone_setup(void **state, const char *more)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	const struct office_otp other = { .factor = KM_FACTOR_HOTP, .secret = OFFICE_OTHER };
	struct house *h = calloc(1, sizeof(*h));
	char config[1024];

	*state = h;
	if (!h || !make_telephone())
		return -1;
	snprintf(config, sizeof(config),
		 "[login]\nfactors = hotp+sms\n[sms]\ngateway = exec\nprogram = %s/gateway\n%s",
		 folder, more);
	return office_house(h, config) && office_add(h, "daemon", 1) == KM_OK &&
		       office_add(h, "bin", 2) == KM_OK && office_add(h, "games", 5) == KM_OK &&
		       office_enrol(h, "daemon", &otp, NULL) == KM_OK &&
		       office_enrol(h, "bin", &other, NULL) == KM_OK &&
		       phone_enrol(h, "daemon", "090-1234-5678") == KM_OK &&
		       house_wait_log(h, PHONE_IS_THERE)
		   ? 0
		   : -1;
}

int phone_teardown(void **state)
{
	static const char *const names[] = { "gateway", "message", "number", "new", "exit" };
	int rc = office_teardown(state);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		forget(names[i]);
	rmdir(folder);
	return rc;
}

/* --- logging in ------------------------------------------------------------------------ */

bool phone_said(const struct house_login *l, enum km_text text)
{
	for (unsigned i = 0; i < l->messages && i < HOUSE_TALK; i++)
		if (strcmp(l->message[i], km_text(text, KM_LANG_EN)) == 0)
			return true;
	return false;
}

/* Nobody waits for a message of which it was said that it does not come. */
static bool look(void *arg, unsigned prompt)
{
	return prompt == 0 || (!phone_said(arg, KM_TEXT_ORDER_GATEWAY) && phone_wait());
}

int phone_login(const struct house *h, struct house_login *l, const char *user,
		const char *const answers[])
{
	*l = (struct house_login){
		.user = user, .answers = answers, .before_answer = look, .arg = l
	};
	return house_login(h, l);
}

int phone_blind(const struct house *h, struct house_login *l, const char *user,
		const char *const answers[])
{
	*l = (struct house_login){ .user = user, .answers = answers };
	return house_login(h, l);
}
