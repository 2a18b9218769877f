"""Run by Django's own test runner, in a project whose settings say INLINE."""

from __future__ import annotations

import threading

from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase, override_settings
from proj.penstock import app

from penstock import TaskFailed
from penstock.django import enqueue
from penstock.errors import NotConnected
from penstock.testing import inline
from shop.models import Order
from shop.tasks import lose, pack, pack_apart, pack_async, pack_first


def packed_by(order: Order) -> str:
    return Order.objects.get(id=order.pk).packed_by


class InlineTests(TestCase):
    def setUp(self) -> None:
        self.order = Order.objects.create(item="book")

    def test_tasks_see_the_tests_transaction(self) -> None:
        self.assertEqual(pack.delay(self.order.pk).result_sync(), threading.current_thread().name)
        self.assertEqual(packed_by(self.order), "thread")
        self.assertEqual(pack_async.delay(self.order.pk).result_sync(), "book")
        self.assertEqual(packed_by(self.order), "loop")
        self.assertEqual(pack_apart.delay(self.order.pk).result_sync(), "book")
        self.assertEqual(packed_by(self.order), "process")
        self.assertEqual(pack_first.delay().result_sync(), self.order.pk)
        self.assertEqual(packed_by(self.order), "dependency")

    def test_the_transaction_stays_open(self) -> None:
        pack.delay(self.order.pk)
        self.assertTrue(connection.in_atomic_block)
        self.assertTrue(connection.is_usable())

    def test_a_view_that_enqueues(self) -> None:
        answer = self.client.post("/orders")
        self.assertEqual(Order.objects.get(id=answer.json()["order"]).packed_by, "thread")

    def test_a_failure_is_the_tasks(self) -> None:
        handle = lose.delay(self.order.pk)
        self.assertEqual(handle.status_sync().phase, "DeadLettered")
        with self.assertRaisesRegex(TaskFailed, "DoesNotExist"):
            handle.result_sync()

    def test_or_is_raised(self) -> None:
        with inline(app, raise_errors=True), self.assertRaises(Order.DoesNotExist):
            lose.delay(self.order.pk)

    def test_on_commit(self) -> None:
        with self.captureOnCommitCallbacks(execute=True) as callbacks, transaction.atomic():
            enqueue(pack.s(self.order.pk))
            self.assertEqual(packed_by(self.order), "")
        self.assertEqual(len(callbacks), 1)
        self.assertEqual(packed_by(self.order), "thread")

    def test_on_commit_by_hand(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            transaction.on_commit(lambda: pack.delay(self.order.pk))
        self.assertEqual(packed_by(self.order), "thread")

    async def test_async_tests(self) -> None:
        handle = await pack.enqueue(self.order.pk)
        self.assertEqual((await handle.status()).phase, "Succeeded")
        await pack_async.enqueue(self.order.pk)
        self.assertEqual((await Order.objects.aget(id=self.order.pk)).packed_by, "loop")

    async def test_async_client(self) -> None:
        answer = await self.async_client.post("/orders")
        self.assertEqual((await Order.objects.aget(id=answer.json()["order"])).packed_by, "thread")

    @override_settings(PENSTOCK={"APP": "proj.penstock:app", "INLINE": True, "RAISE_ERRORS": True})
    def test_or_is_raised_by_the_settings(self) -> None:
        with self.assertRaises(Order.DoesNotExist):
            lose.delay(self.order.pk)

    @override_settings(PENSTOCK={"APP": "proj.penstock:app"})
    def test_without_the_setting_tasks_go_to_redis(self) -> None:
        with self.assertRaisesRegex(NotConnected, "127.0.0.1:1"):
            pack.delay(self.order.pk)


class OtherTests(TransactionTestCase):
    def test_a_cursor_stays_open_while_a_task_runs(self) -> None:
        order = Order.objects.create(item="book")
        with connection.cursor() as cursor:
            cursor.execute("SELECT item FROM shop_order")
            pack.delay(order.pk)
            self.assertEqual(cursor.fetchone()[0], "book")
        self.assertEqual(packed_by(order), "thread")
