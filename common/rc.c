/* Sentences, names and exit codes of rc.def. */
#include <stddef.h>
#include <stdint.h>

#include <kenmon/rc.h>

/* In one piece, and not by pointers, as texts.c says. */
static const struct words {
#define KM_RC(name, number, exit_code, en, ja)                                                     \
	char name[sizeof(#name)], name##_en[sizeof(en)], name##_ja[sizeof(ja)];
#include <kenmon/rc.def>
#undef KM_RC
} words = {
#define KM_RC(name, number, exit_code, en, ja) #name, en, ja,
#include <kenmon/rc.def>
#undef KM_RC
};

static const struct row {
	int16_t rc, exit_code;
	uint16_t name, text[KM_LANG_COUNT]; /* where they begin in words */
} rows[] = {
#define KM_RC(name, number, exit_code, en, ja)                                                     \
	{ KM_##name,                                                                               \
	  exit_code,                                                                               \
	  offsetof(struct words, name),                                                            \
	  { [KM_LANG_EN] = offsetof(struct words, name##_en),                                      \
	    [KM_LANG_JA] = offsetof(struct words, name##_ja) } },
#include <kenmon/rc.def>
#undef KM_RC
};

static const struct row *row_of(long rc)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].rc == rc)
			return &rows[i];
	return NULL;
}

const char *km_rc_text(km_rc rc, enum km_lang lang)
{
	const struct row *row = row_of(rc);

	if (!row)
		row = row_of(KM_EPROTO);
	return (const char *)&words + row->text[(unsigned)lang < KM_LANG_COUNT ? lang : KM_LANG_EN];
}

const char *km_rc_name(km_rc rc)
{
	const struct row *row = row_of(rc);

	return row ? (const char *)&words + row->name : "?";
}

int km_rc_exit_code(km_rc rc)
{
	const struct row *row = row_of(rc);

	return row ? row->exit_code : row_of(KM_EPROTO)->exit_code;
}

km_rc km_rc_from_wire(unsigned byte)
{
	const struct row *row = byte <= UINT8_MAX ? row_of(-(long)byte) : NULL;

	return row ? row->rc : KM_EPROTO;
}
