/* Orders for an HTTP gateway; see house_messages.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "house_messages.h"

int messages_begin(struct messages *m)
{
	*m = (struct messages){ .gateway = { .listener = -1 } };
	return post_begin(&m->post) ? 0 : -1;
}

void messages_end(struct messages *m)
{
	post_stop(&m->post);
	gateway_close(&m->gateway);
	post_end(&m->post);
}

static void with_base(const struct gateway *g, const char *text, char *out, size_t cap)
{
	const char *at;
	size_t used = 0;

	out[0] = '\0';
	for (; (at = strstr(text, "BASE")) != NULL; text = at + 4)
		used += (size_t)snprintf(out + used, cap - used, "%.*s%s://127.0.0.1:%u",
					 (int)(at - text), text, g->certificate ? "https" : "http",
					 g->port);
	snprintf(out + used, cap - used, "%s", text);
}

void messages_start(struct messages *m, enum gateway_certificate certificate,
		    gateway_behaviour *behave, const char *more, const char *credentials)
{
	char conf[4096], lines[2048];

	assert_true(gateway_reserve(&m->gateway, m->post.dir, certificate));
	with_base(&m->gateway, more, lines, sizeof(lines));
	snprintf(conf, sizeof(conf), "[sms]\ngateway = http\nca-file = %s\n%s%s\n%s",
		 certificate ? m->gateway.ca : "", credentials ? "credentials = " : "",
		 credentials ? m->post.credentials : "", lines);
	assert_true(post_configure(&m->post, conf, credentials));
	if (behave)
		assert_true(gateway_open(&m->gateway, behave));
	if (!post_start(&m->post))
		fail_msg("its log: %s", post_log(&m->post));
}

void messages_outcome(struct messages *m, enum km_order_state state, enum km_order_why why)
{
	struct post_news n = post_outcome(&m->post, m->order, &m->before);

	if (n.state != state || n.why != why)
		fail_msg("order %d: %s, then %s, %s; connections %u, requests %u; its log: %s",
			 (int)m->order, km_order_state_word(m->before),
			 km_order_state_word(n.state), km_order_why_word(n.why),
			 m->gateway.seen->connections, m->gateway.seen->requests,
			 post_log(&m->post));
}

void messages_end_as(struct messages *m, const char *text, enum km_order_state state,
		     enum km_order_why why)
{
	assert_true(post_send(&m->post, ++m->order, MESSAGE_NUMBER, text, MESSAGE_MS));
	messages_outcome(m, state, why);
}
