-- What the providers' caches saved: cached tokens at the price of plain input, less the bill
-- The price of plain input is what the same request paid for its own uncached tokens. Requests
-- where that can't be known (no uncached token, or sound and pictures among the input) are counted
-- in not_known and left out of the USD. Estimates, in floating point; the bill is exact elsewhere.
SELECT
  model,
  count(*) AS requests,
  count(*) FILTER (WHERE plain_price IS NULL) AS not_known,
  sum(read_tokens) AS cache_read_tokens,
  sum(write_tokens) AS cache_write_tokens,
  round(sum(plain_price * discounted_tokens - read_cost), 6) AS saved_by_reads_usd,
  round(sum(write_cost - plain_price * write_tokens), 6) AS extra_for_writes_usd,
  round(
    sum(plain_price * (discounted_tokens + write_tokens) - read_cost - write_cost), 6
  ) AS saved_usd
FROM (
  SELECT
    model,
    read_tokens,
    discounted_tokens,
    write_tokens,
    read_cost,
    write_cost,
    CASE
      WHEN no_media AND input_tokens > discounted_tokens + write_tokens
      THEN input_cost / (input_tokens - discounted_tokens - write_tokens)
    END AS plain_price
  FROM (
    SELECT
      coalesce(gen_ai_request_model, '(none)') AS model,
      gen_ai_usage_input_tokens AS input_tokens,
      coalesce(gen_ai_usage_cache_read_input_tokens, 0) AS read_tokens,
      coalesce(gen_ai_usage_cache_creation_input_tokens, 0) AS write_tokens,
      -- Where cached tokens have no price of their own they are part of the plain input.
      CASE
        WHEN element_at(cost_breakdown, 'cache_read') IS NULL THEN 0
        ELSE gen_ai_usage_cache_read_input_tokens
      END AS discounted_tokens,
      CAST(element_at(cost_breakdown, 'input') AS DOUBLE) AS input_cost,
      CAST(coalesce(element_at(cost_breakdown, 'cache_read'), 0) AS DOUBLE) AS read_cost,
      CAST(
        coalesce(element_at(cost_breakdown, 'cache_write_5m'), 0)
        + coalesce(element_at(cost_breakdown, 'cache_write_1h'), 0) AS DOUBLE
      ) AS write_cost,
      element_at(cost_breakdown, 'audio_input') IS NULL
        AND element_at(cost_breakdown, 'image_input') IS NULL AS no_media
    FROM llm_usage
    WHERE dt >= :first_day AND dt <= :last_day
      AND start_time >= :since AND start_time < :until
      AND is_priced
      AND coalesce(gen_ai_usage_cache_read_input_tokens, 0)
        + coalesce(gen_ai_usage_cache_creation_input_tokens, 0) > 0
  ) AS cached
) AS with_price
GROUP BY 1
ORDER BY saved_usd DESC NULLS LAST, 1
