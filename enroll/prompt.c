/* What the vault asks, in the language of who reads it. */
#include <stdio.h>
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/log.h>

#include "line.h"

/* The longest sentence of texts.def with which an English text begins; 0: none. */
static enum km_text sentence_of(const char *text, size_t *len)
{
	enum km_text found = KM_TEXT_NOTHING;

	*len = 0;
	for (unsigned id = 1; id < KM_TEXT_COUNT; id++) {
		const char *en = km_text((enum km_text)id, KM_LANG_EN);
		size_t n = strlen(en);

		if (n > *len && strncmp(text, en, n) == 0) {
			found = (enum km_text)id;
			*len = n;
		}
	}
	return found;
}

/* The vault speaks English: its sentences are said in our language, what else there is stays. */
static void translate(const struct desk *d, const char *text, char *out, size_t cap)
{
	size_t len, at = 0;

	out[0] = '\0';
	while (*text && at < cap) {
		enum km_text id = sentence_of(text, &len);

		if (len == 0 && *text != ' ')
			len = strlen(text);
		if (id)
			snprintf(out + at, cap - at, "%s", km_text(id, d->lang));
		else
			snprintf(out + at, cap - at, "%.*s", (int)(len ? len : 1), text);
		text += len ? len : 1;
		at += strlen(out + at);
	}
}

void desk_prompt_text(const struct desk *d, const struct msg_prompt *p, char *out, size_t cap)
{
	char text[sizeof(p->text) * 4];
	size_t len;

	translate(d, km_escape(p->text, text, sizeof(text)), out, cap);
	len = strlen(out);
	if (len == 0 || out[len - 1] == ' ')
		return;
	snprintf(out + len, cap - len, "\n%s",
		 km_text(p->shape & KM_SHAPE_CODE ? KM_TEXT_PROMPT_CODE : KM_TEXT_PROMPT_RECOVERY,
			 d->lang));
}
