/* The desk's sentences, and how it says the end of a command. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kenmon/log.h>
#include <kenmon/sock.h>

#include "desk.h"
#include "out.h"

static const char *const sentences[DESK_TEXT_COUNT][KM_LANG_COUNT] = {
#define DESK_TEXT(id, en, ja) [DESK_##id] = { en, ja },
#include "desk_texts.def"
#undef DESK_TEXT
};

const char *desk_text(enum desk_text id, enum km_lang lang)
{
	if ((unsigned)id >= DESK_TEXT_COUNT)
		return "";
	return sentences[id][(unsigned)lang < KM_LANG_COUNT ? lang : KM_LANG_EN];
}

const char *desk_expand(enum desk_text id, enum km_lang lang, const char *a, const char *b,
			char *out, size_t cap)
{
	const char *text = desk_text(id, lang);
	size_t at = 0;

	while (*text && at + 1 < cap) {
		if (text[0] == '%' && (text[1] == '1' || text[1] == '2')) {
			const char *value = text[1] == '1' ? a : b;

			km_escape(value ? value : "", out + at, cap - at);
			at += strlen(out + at);
			text += 2;
		} else
			out[at++] = *text++;
	}
	out[at] = '\0';
	return out;
}

void desk_warn(struct desk *d, enum desk_text id, const char *a, const char *b)
{
	char text[DESK_WHY];

	fflush(d->out); /* so that both streams read in order on a terminal */
	fprintf(d->err, "%s\n", desk_expand(id, d->lang, a, b, text, sizeof(text)));
}

void desk_note(struct desk *d, enum desk_text id, const char *a, const char *b)
{
	if (!d->json)
		desk_warn(d, id, a, b);
}

km_rc desk_because(struct desk *d, km_rc rc, enum desk_text id, const char *a, const char *b)
{
	desk_expand(id, d->lang, a, b, d->why, sizeof(d->why));
	return rc;
}

/* Waiting is no failure, but for the exit code. */
static int say_filed(struct desk *d)
{
	struct desk_json j = { .f = d->out };

	if (!d->json) {
		fprintf(d->out, "%s\n", d->why);
		return km_rc_exit_code(KM_EFILED);
	}
	json_open(&j, NULL, '{');
	json_result(&j, KM_EFILED, d->filed);
	json_string(&j, "message", d->why);
	json_close(&j, '}');
	fputc('\n', d->out);
	return km_rc_exit_code(KM_EFILED);
}

int desk_filed(struct desk *d, km_rc rc)
{
	if (rc == KM_EFILED && !d->json) {
		fflush(d->out);
		fprintf(d->err, "%s\n", d->why);
	}
	return km_rc_exit_code(rc);
}

int desk_fail(struct desk *d, km_rc rc)
{
	const char *why = d->why[0] ? d->why : km_rc_text(rc, d->lang);
	struct desk_json j = { .f = d->out };

	if (rc == KM_EFILED && d->filed)
		return say_filed(d);
	fflush(d->out);
	if (d->json && !d->half_written) {
		json_open(&j, NULL, '{');
		json_string(&j, "error", km_rc_name(rc));
		json_string(&j, "message", why);
		json_close(&j, '}');
		fputc('\n', d->out);
	} else
		fprintf(d->err, "kenmon: %s\n", why);
	return km_rc_exit_code(rc);
}

int desk_finish(struct desk *d, km_rc rc, const struct msg_done *done, enum desk_text id,
		const char *a, const char *b)
{
	struct desk_json j = { .f = d->out };
	char text[DESK_WHY], said[sizeof(done->text) * 2];
	const char *note = desk_reason(done->text, d->lang, said, sizeof(said));

	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (!d->json) {
		fprintf(d->out, "%s\n", desk_expand(id, d->lang, a, b, text, sizeof(text)));
		if (note[0])
			fprintf(d->out, "%s\n", km_escape(note, text, sizeof(text)));
		return 0;
	}
	json_open(&j, NULL, '{');
	json_result(&j, rc, done->id);
	if (note[0])
		json_string(&j, "note", note);
	json_close(&j, '}');
	fputc('\n', d->out);
	return 0;
}

int desk_flush(struct desk *d, int code)
{
	if (fflush(d->out) == 0 && !ferror(d->out))
		return code;
	if (errno != EPIPE) /* "kenmon … | head" has read all it wanted */
		fprintf(d->err, "kenmon: %s\n", desk_text(DESK_OUTPUT_FAILED, d->lang));
	return code ? code : 1;
}

static enum km_lang language(void)
{
	static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return km_lang_parse(value, KM_LANG_EN);
	}
	return KM_LANG_EN;
}

void desk_init(struct desk *d)
{
	*d = (struct desk){
		.socket = KM_SOCKET_PATH,
		.root = "",
		.daemon_uid = (uid_t)-1, /* nobody; set from --daemon-user */
		.self = geteuid(),
		.lang = language(),
		.out = stdout,
		.err = stderr,
		.in = STDIN_FILENO,
		.line = -1,
	};
}
