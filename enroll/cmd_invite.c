/* kenmon invite: a binding code, shown once, with which an operator enrols a code of their own. */
#include <inttypes.h>
#include <string.h>

#include <kenmon/factor.h>

#include "commands.h"
#include "secret_input.h"

#define CODE_BYTES      (KM_RECOVERY_LENGTH * 5 / 8) /* 80 bits */
#define SECONDS_AT_ONCE 600

struct invitation {
	struct km_msg request;
	uint8_t random[CODE_BYTES];
	char code[KM_RECOVERY_LENGTH + 8];
};

static void invitation_free(struct invitation **i)
{
	km_locked_free(*i, sizeof(**i));
	*i = NULL;
}
#define INVITATION __attribute__((cleanup(invitation_free)))

static km_rc parse(struct desk *d, const struct desk_args *args, struct msg_invite *m)
{
	bool paper = desk_arg(args, "paper") != NULL;
	const char *hours = desk_arg(args, "hours");
	uint64_t n = 24;
	km_rc rc = desk_login(d, args, 0, m->login);

	if (rc == KM_OK && hours && !paper)
		rc = desk_because(d, KM_EUSAGE, DESK_HOURS_ON_PAPER, NULL, NULL);
	if (rc == KM_OK && hours)
		rc = desk_number(d, "--hours", hours, 1, 24, &n);
	m->seconds = paper ? (uint32_t)n * 3600 : SECONDS_AT_ONCE;
	return rc;
}

static km_rc make(struct invitation *i)
{
	struct km_secret *code = &i->request.invite.code;
	km_rc rc = km_random(i->random, sizeof(i->random));

	if (rc != KM_OK)
		return rc;
	desk_base32(i->random, sizeof(i->random), i->code);
	memcpy(code->bytes, i->code, KM_RECOVERY_LENGTH);
	code->len = KM_RECOVERY_LENGTH;
	return KM_OK;
}

/* "4 hours", "60 minutes" or "10 minutes". */
static void show(struct desk *d, const struct invitation *i)
{
	const struct msg_invite *m = &i->request.invite;
	bool hours = m->seconds > 3600 && m->seconds % 3600 == 0;
	char text[DESK_WHY], number[16];
	unsigned n;

	snprintf(number, sizeof(number), "%" PRIu32, m->seconds / (hours ? 3600 : 60));
	fprintf(d->out, "%s\n\n    ",
		desk_expand(hours ? DESK_INVITED_HOURS : DESK_INVITED, d->lang, m->login, number,
			    text, sizeof(text)));
	for (n = 0; n < KM_RECOVERY_LENGTH; n++)
		fprintf(d->out, "%s%c", n && n % 4 == 0 ? " " : "", i->code[n]);
	fprintf(d->out, "\n\n%s\n",
		desk_expand(DESK_INVITED_HOW, d->lang, m->login, NULL, text, sizeof(text)));
}

/* Filed: the code is known to nobody else, and is good once the second person has agreed. */
static int finish(struct desk *d, struct invitation *i, km_rc rc, uint64_t id)
{
	struct desk_json j = { .f = d->out };

	if (rc == KM_EFILED)
		desk_note(d, DESK_INVITED_WAITS, i->request.invite.login, NULL);
	if (!d->json) {
		show(d, i);
		return desk_filed(d, rc);
	}
	i->code[KM_RECOVERY_LENGTH] = '\0';
	json_open(&j, NULL, '{');
	json_result(&j, rc, id);
	json_string(&j, "code", i->code);
	json_number(&j, "seconds", i->request.invite.seconds);
	json_close(&j, '}');
	fputc('\n', d->out);
	return desk_filed(d, rc);
}

int cmd_invite(struct desk *d, const struct desk_args *args)
{
	struct invitation *i INVITATION = km_locked_new(sizeof(*i));
	struct desk_operation o = { 0 };
	km_rc rc = KM_ENOMEM;

	if (i) {
		i->request.number = KM_MSG_INVITE;
		rc = parse(d, args, &i->request.invite);
	}
	if (rc == KM_OK)
		rc = make(i);
	if (rc == KM_OK) {
		o.request = &i->request;
		rc = desk_operate(d, &o);
	}
	if (rc != KM_OK && rc != KM_EFILED)
		return desk_fail(d, rc);
	return finish(d, i, rc, o.done.id);
}
