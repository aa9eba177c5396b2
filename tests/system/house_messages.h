/* What tests of HTTP gateways share: a post office, one gateway, and orders one after the other. */
#ifndef KENMON_TESTS_HOUSE_MESSAGES_H
#define KENMON_TESTS_HOUSE_MESSAGES_H

#include "house_gateway.h"
#include "house_post.h"

#define MESSAGE_NUMBER "+819012345678"
#define MESSAGE_TEXT   "\xe8\xaa\x8d\xe8\xa8\xbc\xe3\x82\xb3\xe3\x83\xbc\xe3\x83\x89: 314159\n\"\\&=%"
#define MESSAGE_MS     60000
#define MESSAGE_JSON   "url = BASE/send\nbody = {\"to\": \"{number}\", \"text\": \"{text}\"}\n"

struct messages {
	struct post post;
	struct gateway gateway;
	uint64_t order;
	enum km_order_state before; /* what the last order was before it ended */
};

int messages_begin(struct messages *m); /* 0, as cmocka wants it */
void messages_end(struct messages *m);

/*
 * A courier for this gateway; behave NULL: nobody listens there yet. more: further lines of [sms],
 * in which BASE stands for the gateway's address.
 */
void messages_start(struct messages *m, enum gateway_certificate certificate,
		    gateway_behaviour *behave, const char *more, const char *credentials);
/* The last order ends so. */
void messages_outcome(struct messages *m, enum km_order_state state, enum km_order_why why);
/* A new order with this text ends so. */
void messages_end_as(struct messages *m, const char *text, enum km_order_state state,
		     enum km_order_why why);

#endif
