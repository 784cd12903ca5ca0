-- What was corrected after the fact: prices restated, by model and reason
SELECT
  coalesce(gen_ai_request_model, '(none)') AS model,
  coalesce(restated_reason, '(none)') AS reason,
  max(restated_at) AS restated_at,
  count(*) AS requests,
  sum(original_billed_cost) AS original_cost_usd,
  sum(billed_cost) AS cost_usd,
  coalesce(sum(billed_cost), 0) - coalesce(sum(original_billed_cost), 0) AS difference_usd
FROM llm_usage
WHERE dt >= :first_day AND dt <= :last_day
  AND start_time >= :since AND start_time < :until
  AND restated_at IS NOT NULL
GROUP BY 1, 2
ORDER BY difference_usd DESC, 1, 2
