/* Fingers, sensor events and stages: words and texts from their tables. */
#include <kenmon/finger.h>

#include <stddef.h>
#include <string.h>

static const struct finger {
	unsigned number;
	const char *word, *name[KM_LANG_COUNT];
} fingers[] = {
#define KM_FINGER(NAME, number, word, en, ja)                                                      \
	{ (number), word, { [KM_LANG_EN] = en, [KM_LANG_JA] = ja } },
#include <kenmon/finger.def>
#undef KM_FINGER
};

static const struct event {
	unsigned number;
	bool ends;
	enum km_text text;
	const char *word;
} events[] = {
#define KM_SENSOR_EVENT(NAME, number, ends, text, word)                                            \
	{ (number), (ends) != 0, KM_TEXT_##text, word },
#include <kenmon/sensor_event.def>
#undef KM_SENSOR_EVENT
};

static const struct stage {
	unsigned number;
	enum km_text text;
	const char *word;
} stages[] = {
#define KM_STAGE(NAME, number, text, word) { (number), KM_TEXT_##text, word },
#include <kenmon/stage.def>
#undef KM_STAGE
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct finger *finger_of(unsigned number)
{
	for (size_t i = 0; i < COUNT(fingers); i++)
		if (fingers[i].number == number)
			return &fingers[i];
	return NULL;
}

bool km_finger_known(unsigned finger)
{
	return finger_of(finger) != NULL;
}

const char *km_finger_word(unsigned finger)
{
	const struct finger *f = finger_of(finger);

	return f ? f->word : "?";
}

enum km_finger km_finger_parse(const char *word)
{
	for (size_t i = 0; word && i < COUNT(fingers); i++)
		if (strcmp(fingers[i].word, word) == 0)
			return (enum km_finger)fingers[i].number;
	return KM_FINGER_NONE;
}

const char *km_finger_name(unsigned finger, enum km_lang lang)
{
	const struct finger *f = finger_of(finger);

	return f ? f->name[lang < KM_LANG_COUNT ? lang : KM_LANG_EN] : "?";
}

static const struct event *event_of(unsigned number)
{
	for (size_t i = 0; i < COUNT(events); i++)
		if (events[i].number == number)
			return &events[i];
	return NULL;
}

bool km_sensor_event_known(unsigned event)
{
	return event_of(event) != NULL;
}

const char *km_sensor_event_word(unsigned event)
{
	const struct event *e = event_of(event);

	return e ? e->word : "?";
}

enum km_sensor_event km_sensor_event_parse(const char *word)
{
	for (size_t i = 0; i < COUNT(events); i++)
		if (strcmp(events[i].word, word) == 0)
			return (enum km_sensor_event)events[i].number;
	return KM_SENSOR_NONE;
}

enum km_text km_sensor_event_text(unsigned event)
{
	const struct event *e = event_of(event);

	return e ? e->text : KM_TEXT_READER_FAILED;
}

bool km_sensor_event_ends(unsigned event)
{
	const struct event *e = event_of(event);

	return !e || e->ends;
}

static const struct stage *stage_of(unsigned number)
{
	for (size_t i = 0; i < COUNT(stages); i++)
		if (stages[i].number == number)
			return &stages[i];
	return NULL;
}

bool km_stage_known(unsigned stage)
{
	return stage_of(stage) != NULL;
}

const char *km_stage_word(unsigned stage)
{
	const struct stage *s = stage_of(stage);

	return s ? s->word : "?";
}

enum km_text km_stage_text(unsigned stage)
{
	const struct stage *s = stage_of(stage);

	return s ? s->text : KM_TEXT_STAGE_FAILED;
}
