/* Sentences, names and exit codes of rc.def. */
#include <stddef.h>
#include <stdint.h>

#include <kenmon/rc.h>

static const struct row {
	km_rc rc;
	int exit_code;
	const char *name;
	const char *text[KM_LANG_COUNT];
} rows[] = {
#define KM_RC(name, number, exit_code, en, ja)                                                     \
	{ KM_##name, exit_code, #name, { [KM_LANG_EN] = en, [KM_LANG_JA] = ja } },
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
	return row->text[(unsigned)lang < KM_LANG_COUNT ? lang : KM_LANG_EN];
}

const char *km_rc_name(km_rc rc)
{
	const struct row *row = row_of(rc);

	return row ? row->name : "?";
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
