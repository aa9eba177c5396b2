#include "orders.h"
#include "desk.h"
km_rc orders_place(struct vault *v, struct line *l, const struct order_wish *wish)
{
	(void)v, (void)l, (void)wish;
	return KM_EUNAVAIL;
}
void orders_drop(struct vault *v, struct line *l)
{
	(void)v, (void)l;
}
void orders_state(const struct vault *v, struct orders_state *out)
{
	(void)v;
	*out = (struct orders_state){ 0 };
}
km_rc orders_budget_rows(struct call *c)
{
	(void)c;
	return KM_OK;
}
km_rc orders_alarm_rows(struct call *c)
{
	(void)c;
	return KM_OK;
}
