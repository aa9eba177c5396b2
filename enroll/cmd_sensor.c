/* kenmon sensor list. */
#include <inttypes.h>
#include <string.h>

#include <kenmon/finger.h>
#include <kenmon/log.h>

#include "commands.h"

#define READERS_MAX 32 /* more than a machine has ports for */

struct readers {
	unsigned count, usable;
	struct msg_reader_row row[READERS_MAX];
	struct desk_holders holders[READERS_MAX];
};

static km_rc take_reader(struct desk *d, void *arg, const struct km_msg *m)
{
	struct readers *r = arg;

	(void)d;
	if (m->number != KM_MSG_READER_ROW || r->count == READERS_MAX)
		return KM_EPROTO;
	/* The end of the list is no reader; that there is none is said by its being empty. */
	if (m->reader_row.event == KM_SENSOR_DONE || m->reader_row.event == KM_SENSOR_NO_READER)
		return KM_OK;
	r->row[r->count++] = m->reader_row;
	r->usable += m->reader_row.event == KM_SENSOR_READER;
	return KM_OK;
}

static void find_holders(const struct desk *d, struct readers *r)
{
	char node[DESK_NODE];
	unsigned i;

	for (i = 0; i < r->count; i++)
		if (desk_device_node(r->row[i].detail, node))
			desk_find_holders(d, node, &r->holders[i]);
}

static void readers_json(struct desk *d, const struct readers *r)
{
	struct desk_json j = { .f = d->out };
	char node[DESK_NODE];
	unsigned i, k;

	json_open(&j, NULL, '[');
	for (i = 0; i < r->count; i++) {
		const struct msg_reader_row *row = &r->row[i];

		json_open(&j, NULL, '{');
		json_string(&j, "reader", row->reader);
		json_bool(&j, "usable", row->event == KM_SENSOR_READER);
		json_string(&j, "state", km_sensor_event_word(row->event));
		json_string(&j, "details", row->detail);
		if (desk_device_node(row->detail, node))
			json_string(&j, "device", node);
		else
			json_null(&j, "device");
		json_open(&j, "held_by", '[');
		for (k = 0; k < r->holders[i].count; k++) {
			json_open(&j, NULL, '{');
			json_number(&j, "pid", r->holders[i].holder[k].pid);
			json_string(&j, "command", r->holders[i].holder[k].comm);
			json_close(&j, '}');
		}
		json_close(&j, ']');
		json_close(&j, '}');
	}
	json_close(&j, ']');
	fputc('\n', d->out);
}

/* "fprintd (812), gdm (90)" */
static void name_holders(const struct desk_holders *h, char *out, size_t cap)
{
	size_t at = 0;
	unsigned i;

	out[0] = '\0';
	for (i = 0; i < h->count && at < cap; i++)
		at += (size_t)snprintf(out + at, cap - at, "%s%s (%ld)", i ? ", " : "",
				       h->holder[i].comm, h->holder[i].pid);
}

static km_rc readers_table(struct desk *d, const struct readers *r)
{
	const char *headers[] = {
		desk_text(DESK_COL_READER, d->lang),
		desk_text(DESK_COL_DETAILS, d->lang),
		desk_text(DESK_COL_HELD, d->lang),
		desk_text(DESK_COL_STATE, d->lang),
	};
	struct desk_table t DESK_TABLE = { 0 };
	char held[DESK_HOLDERS_MAX * 40];
	unsigned i;

	desk_table_init(&t, headers, sizeof(headers) / sizeof(headers[0]));
	for (i = 0; i < r->count; i++) {
		const struct msg_reader_row *row = &r->row[i];

		name_holders(&r->holders[i], held, sizeof(held));
		desk_cell(&t, row->reader);
		desk_cell(&t, row->detail);
		desk_cell(&t, held);
		desk_cell(&t, row->event == KM_SENSOR_READER
				  ? desk_text(DESK_READER_USABLE, d->lang)
				  : km_text(km_sensor_event_text(row->event), d->lang));
	}
	return desk_table_flush(&t, d->out);
}

static void warn_of_holders(struct desk *d, const struct readers *r)
{
	char held[DESK_HOLDERS_MAX * 40];
	unsigned i;

	for (i = 0; i < r->count; i++) {
		name_holders(&r->holders[i], held, sizeof(held));
		if (held[0])
			desk_note(d, DESK_READER_HELD, r->row[i].reader, held);
	}
	if (desk_fprintd_runs(d))
		desk_warn(d, DESK_FPRINTD_RUNNING, NULL, NULL);
	if (r->count && d->self != 0)
		desk_note(d, DESK_READER_LOOKED_ALONE, NULL, NULL);
}

int cmd_sensor_list(struct desk *d, const struct desk_args *args)
{
	static struct readers r; /* 10 KiB */
	struct km_msg m = { .number = KM_MSG_SENSOR_LIST };
	struct desk_operation o = { .request = &m, .arg = &r, .row = take_reader };
	km_rc rc;

	(void)args;
	memset(&r, 0, sizeof(r));
	rc = desk_operate(d, &o);
	if (rc == KM_OK) {
		find_holders(d, &r);
		if (d->json)
			readers_json(d, &r);
		else if (r.count)
			rc = readers_table(d, &r);
	}
	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (r.usable == 0)
		desk_warn(d, r.count ? DESK_READERS_UNUSABLE : DESK_READERS_NONE, NULL, NULL);
	warn_of_holders(d, &r);
	/* A script asks with this whether a finger can be taken here. */
	return r.usable ? 0 : 1;
}
