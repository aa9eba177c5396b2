/* Reasons of order.def out of SIP's answers. */
#ifndef KENMON_COURIER_SIP_REASON_H
#define KENMON_COURIER_SIP_REASON_H

#include <stddef.h>
#include <stdint.h>

#include <kenmon/order.h>

/* Of a final answer that is no success; what has no row of its own is REFUSED. */
enum km_order_why voice_why(unsigned code);

#endif
