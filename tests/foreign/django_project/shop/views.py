from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from penstock.django import enqueue
from shop.models import Order
from shop.tasks import pack


@csrf_exempt
def create_order(request: HttpRequest) -> JsonResponse:
    order = Order.objects.create(item=request.GET.get("item", "book"))
    handle = pack.delay(order.pk)
    return JsonResponse({"order": order.pk, "task": handle.id, "orders": Order.objects.count()})


@csrf_exempt
def create_order_later(request: HttpRequest) -> JsonResponse:
    with transaction.atomic():
        order = Order.objects.create(item="book")
        enqueue(pack.s(order.pk))
    return JsonResponse({"order": order.pk})
