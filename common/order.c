/* The tables of order.def. */
#include <stddef.h>

#include <kenmon/order.h>

struct row {
	uint8_t number;
	bool ends;
	enum km_text text;
	const char *word;
};

static const struct row kinds[] = {
#define KM_ORDER(NAME, number, word, ja) { number, false, KM_TEXT_NOTHING, word },
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja)
#define KM_ORDER_WHY(NAME, number, text, word, ja)
#include <kenmon/order.def>
#undef KM_ORDER
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
};

static const struct row states[] = {
#define KM_ORDER(NAME, number, word, ja)
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja) { number, ends, KM_TEXT_##text, word },
#define KM_ORDER_WHY(NAME, number, text, word, ja)
#include <kenmon/order.def>
#undef KM_ORDER
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
};

static const struct row whys[] = {
#define KM_ORDER(NAME, number, word, ja)
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja)
#define KM_ORDER_WHY(NAME, number, text, word, ja) { number, false, KM_TEXT_##text, word },
#include <kenmon/order.def>
#undef KM_ORDER
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct row *find(const struct row *table, size_t count, unsigned number)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].number == number)
			return &table[i];
	return NULL;
}

static const char *word_of(const struct row *row)
{
	return row ? row->word : "?";
}

bool km_order_known(unsigned kind)
{
	return find(kinds, COUNT(kinds), kind) != NULL;
}

bool km_order_waits_for_keys(unsigned kind)
{
	return kind == KM_ORDER_KEYPAD || kind == KM_ORDER_CONFIRM;
}

bool km_order_is_call(unsigned kind)
{
	return kind == KM_ORDER_KEYPAD || kind == KM_ORDER_SPOKEN || kind == KM_ORDER_CONFIRM ||
	       kind == KM_ORDER_CALL_TEST || kind == KM_ORDER_CALL_NOTICE;
}

bool km_order_is_of_login(unsigned kind)
{
	return kind >= KM_ORDER_MESSAGE && kind <= KM_ORDER_CONFIRM;
}

const char *km_order_word(unsigned kind)
{
	return word_of(find(kinds, COUNT(kinds), kind));
}

const char *km_order_state_word(unsigned state)
{
	return word_of(find(states, COUNT(states), state));
}

const char *km_order_why_word(unsigned why)
{
	return why ? word_of(find(whys, COUNT(whys), why)) : "none";
}

bool km_order_state_known(unsigned state)
{
	return find(states, COUNT(states), state) != NULL;
}

bool km_order_state_ends(unsigned state)
{
	const struct row *row = find(states, COUNT(states), state);

	return !row || row->ends;
}

bool km_order_why_known(unsigned why)
{
	return why == KM_ORDER_WHY_NONE || find(whys, COUNT(whys), why);
}

enum km_text km_order_text(unsigned state, unsigned why)
{
	const struct row *row = find(whys, COUNT(whys), why);

	if (!row)
		row = find(states, COUNT(states), state);
	return row ? row->text : KM_TEXT_NOTHING;
}
