/* Why a call did not come about, out of SIP's answers (RFC 3261, section 21). */
#include "sip_reason.h"

static const struct {
	uint16_t code;
	uint8_t why;
} reasons[] = {
	{ 401, KM_ORDER_WHY_CREDENTIALS }, { 407, KM_ORDER_WHY_CREDENTIALS },
	{ 404, KM_ORDER_WHY_NO_NUMBER },   { 410, KM_ORDER_WHY_NO_NUMBER },
	{ 484, KM_ORDER_WHY_NO_NUMBER },   { 485, KM_ORDER_WHY_NO_NUMBER },
	{ 604, KM_ORDER_WHY_NO_NUMBER },   { 408, KM_ORDER_WHY_NO_ANSWER },
	{ 480, KM_ORDER_WHY_NO_ANSWER },   { 487, KM_ORDER_WHY_NO_ANSWER },
	{ 486, KM_ORDER_WHY_BUSY },        { 600, KM_ORDER_WHY_BUSY },
	{ 603, KM_ORDER_WHY_DECLINED },    { 607, KM_ORDER_WHY_DECLINED },
	{ 503, KM_ORDER_WHY_UNREACHABLE }, { 504, KM_ORDER_WHY_UNREACHABLE },
};

enum km_order_why voice_why(unsigned code)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].code == code)
			return (enum km_order_why)reasons[i].why;
	return KM_ORDER_WHY_REFUSED;
}
