/* Sentences of conf_fault.def, and their values. */
#include <stdio.h>
#include <string.h>

#include <kenmon/conf_fault.h>
#include <kenmon/texts.h>

struct writing {
	struct km_fault *fault;
	char *text;
	size_t at, cap;
};

static void put(struct writing *w, const char *bytes, size_t len)
{
	(void)km_text_append(w->text, w->cap, &w->at, bytes, len);
}

/* One that has no room among the values is an empty one there, so that others keep their places. */
static void put_value(struct writing *w, const char *value)
{
	struct km_fault *f = w->fault;
	size_t need = strlen(value) + 1;

	put(w, value, need - 1);
	if (need > sizeof(f->values) - f->len) {
		value = "";
		need = 1;
	}
	if (f->len == sizeof(f->values))
		return;
	memcpy(f->values + f->len, value, need);
	f->len += need;
}

/* The conversion at p, which stands behind a '%'. Returns what follows. */
static const char *convert(struct writing *w, const char *p, va_list *args)
{
	char number[24] = "";

	switch (*p) {
	case 's':
		put_value(w, va_arg(*args, const char *));
		return p + 1;
	case 'd':
		snprintf(number, sizeof(number), "%d", va_arg(*args, int));
		break;
	case 'u':
		snprintf(number, sizeof(number), "%u", va_arg(*args, unsigned));
		break;
	case 'z': /* %zu */
		snprintf(number, sizeof(number), "%zu", va_arg(*args, size_t));
		p++;
		break;
	case '0': /* %02x, %02X */
		snprintf(number, sizeof(number), p[2] == 'x' ? "%02x" : "%02X",
			 va_arg(*args, unsigned));
		p += 2;
		break;
	default: /* %% */
		put(w, "%", 1);
		return p + 1;
	}
	put_value(w, number);
	return p + 1;
}

void km_fault_write(struct km_fault *fault, enum km_fault_number number, const char *format,
		    va_list args, char *text, size_t cap)
{
	struct writing w = { .fault = fault, .text = text, .cap = cap };
	va_list values;

	fault->number = number;
	fault->len = 0;
	text[0] = '\0';
	va_copy(values, args); /* whose address can be given on */
	while (*format) {
		size_t words = strcspn(format, "%");

		put(&w, format, words);
		format += words;
		if (*format)
			format = convert(&w, format + 1, &values);
	}
	va_end(values);
}

bool km_why_say(struct km_why *why, enum km_fault_number number, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	km_fault_write(&why->fault, number, format, args, why->text, sizeof(why->text));
	va_end(args);
	return false;
}
